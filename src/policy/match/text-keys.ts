import type { IndexKey } from './clause.ts';
import { readTextPattern, type TextMatcher } from './text-patterns.ts';

/** Of values without a `*`, which says nothing about the text. */
export function textKeys({ values }: TextMatcher): readonly IndexKey[] {
  return values.map((value) => readTextPattern(value) as IndexKey);
}
