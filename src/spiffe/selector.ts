import { spiffeErrors } from './errors.ts';

/** One attested fact about a node or workload, e.g. type `unix`, value `uid:1000`. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

const shape = /^([a-z][a-z0-9_]{0,31}):([^\u0000-\u001f\u007f]{1,512})$/;

/** Reads `type:value`; the value may hold further colons. */
export function parseSelector(text: string): Selector {
  const found = shape.exec(text);
  if (!found) throw spiffeErrors.SELECTOR_MALFORMED({ message: `not a selector: \`${text.slice(0, 80)}\`` });
  return Object.freeze({ type: found[1] as string, value: found[2] as string });
}

export function formatSelector(selector: Selector): string {
  return `${selector.type}:${selector.value}`;
}

/** True when every wanted selector was found: the rule that makes a registration match. */
export function isSuperset(found: readonly Selector[], wanted: readonly Selector[]): boolean {
  const have = new Set(found.map(formatSelector));
  return wanted.every((selector) => have.has(formatSelector(selector)));
}
