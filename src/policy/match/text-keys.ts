import type { Dimension, FieldKeys, IndexKey } from './clause.ts';
import { readTextPattern } from './text-patterns.ts';

/** Undefined when a value is `*`: it says nothing about the text. */
export function textKeys(dimension: Dimension, values: readonly string[]): FieldKeys | undefined {
  const keys: IndexKey[] = [];
  for (const value of values) {
    const { kind, text } = readTextPattern(value);
    if (kind === 'any') return undefined;
    keys.push({ kind, text });
  }
  return { dimension, keys };
}
