/** Canonical JSON: one text for one value, so that hashing it means something. The order and escapes are RFC 8785's. */

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

export type JsonRecord = { readonly [key: string]: JsonValue | undefined };

/** Deeper than any audit detail has reason to be. */
const maxDepth = 16;

/** Members sorted by UTF-16 code units, no blanks, undefined members left out; throws TypeError for what JSON lacks. */
export function canonicalJson(value: JsonValue, depth = 0): string {
  if (depth > maxDepth) throw new TypeError(`nested deeper than ${maxDepth}`);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('not a JSON number');
    return JSON.stringify(value);
  }
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') throw new TypeError(`not a JSON value: ${typeof value}`);
  if (isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  return canonicalObject(value, depth);
}

function canonicalObject(value: JsonRecord, depth: number): string {
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member, depth + 1)}`;
  }
  return `{${text}}`;
}

const isArray: (value: JsonRecord | readonly JsonValue[]) => value is readonly JsonValue[] =
  Array.isArray as never;
