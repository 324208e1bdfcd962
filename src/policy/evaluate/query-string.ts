/** The query part of a request target, read as Envoy reads it: split at `&`, then at the first `=`, then decoded once. */

/** The first value of a parameter; undefined when it does not occur. */
export function decodedParam(target: string, name: string): string | undefined {
  const found = pairsOf(queryOf(target)).find((pair) => pair.name === name);
  return found?.value;
}

/** The target without the named parameters; the others stay as they were written. */
export function withoutParams(target: string, names: ReadonlySet<string>): string {
  const mark = target.indexOf('?');
  if (mark === -1) return target;
  const kept = pairsOf(target.slice(mark + 1)).filter((pair) => !names.has(pair.name));
  const head = target.slice(0, mark);
  return kept.length === 0 ? head : `${head}?${kept.map((pair) => pair.written).join('&')}`;
}

/** The target with each parameter once, with this value; names and values are percent-encoded. */
export function withParams(target: string, params: ReadonlyMap<string, string>): string {
  const mark = target.indexOf('?');
  const due = new Map([...params].map(([name, value]) => [percentDecode(name), `${name}=${value}`]));
  const kept: string[] = [];
  const isSet = new Set(due.keys());
  for (const { name, written } of pairsOf(mark === -1 ? '' : target.slice(mark + 1))) {
    const value = isSet.has(name) ? due.get(name) : written;
    due.delete(name);
    if (value !== undefined) kept.push(value);
  }
  return `${mark === -1 ? target : target.slice(0, mark)}?${[...kept, ...due.values()].join('&')}`;
}

interface Pair {
  readonly name: string;
  readonly value: string;
  readonly written: string;
}

function pairsOf(query: string): readonly Pair[] {
  return query
    .split('&')
    .filter((written) => written !== '')
    .map((written) => {
      const equals = written.indexOf('=');
      const name = equals === -1 ? written : written.slice(0, equals);
      const value = equals === -1 ? '' : written.slice(equals + 1);
      return { name: percentDecode(name), value: percentDecode(value), written };
    });
}

function queryOf(target: string): string {
  const mark = target.indexOf('?');
  const end = target.indexOf('#');
  return mark === -1 ? '' : target.slice(mark + 1, end === -1 ? undefined : end);
}

/** `%HH` only: a plus sign is a plus sign. A broken escape stays as it is. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const byte = unit === 37 ? Number(`0x${text.slice(i + 1, i + 3)}`) : Number.NaN;
    if (unit === 37 && Number.isInteger(byte) && text.length >= i + 3 && isHexPair(text, i + 1)) {
      bytes.push(byte);
      i += 2;
    } else bytes.push(...utf8.encode(text[i]));
  }
  return utf8Decoder.decode(Uint8Array.from(bytes));
}

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

function isHexPair(text: string, at: number): boolean {
  return (
    '0123456789abcdefABCDEF'.includes(text[at] ?? '-') &&
    '0123456789abcdefABCDEF'.includes(text[at + 1] ?? '-')
  );
}
