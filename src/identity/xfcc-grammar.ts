/**
 * The grammar of `x-forwarded-client-cert`, in full: elements split by `,`, pairs by `;`, a value in double quotes when it
 * holds one of `,;=`, a quote within as `\"` and any other backslash as itself (Subject is RFC 2253 and has its own).
 */

export type XfccKey = 'by' | 'hash' | 'cert' | 'chain' | 'subject' | 'uri' | 'dns';

/** One proxy's word about the client certificate that it saw; a key may occur more than once (several SANs). */
export type XfccElement = ReadonlyMap<XfccKey, readonly string[]>;

export type XfccFault =
  | 'too-large'
  | 'too-many-elements'
  | 'empty-element'
  | 'unknown-key'
  | 'unbalanced-quote'
  | 'text-after-quote'
  | 'bare-special-character'
  | 'bad-percent-encoding'
  | 'control-character';

export type XfccResult =
  | { readonly ok: true; readonly elements: readonly XfccElement[] }
  | { readonly ok: false; readonly fault: XfccFault };

const longest = 32 * 1024;
const mostElements = 32;
const keys: ReadonlySet<string> = new Set(['by', 'hash', 'cert', 'chain', 'subject', 'uri', 'dns']);
const percentEncoded = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/;

export function parseXfcc(text: string): XfccResult {
  if (text.length > longest) return { ok: false, fault: 'too-large' };
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text)) return { ok: false, fault: 'control-character' };
  const elements: XfccElement[] = [];
  let at = 0;
  for (;;) {
    const element = readElement(text, at);
    if (typeof element === 'string') return { ok: false, fault: element };
    elements.push(element.element);
    if (elements.length > mostElements) return { ok: false, fault: 'too-many-elements' };
    if (element.next === text.length) return { ok: true, elements };
    at = element.next + 1;
  }
}

/** Writes an element so that `parseXfcc` reads the same. */
export function formatXfccElement(element: XfccElement): string {
  const pairs = [...element].flatMap(([key, values]) => values.map((value) => `${key}=${quote(value)}`));
  return pairs.join(';');
}

function quote(value: string): string {
  return value === '' || /[,;="\s]/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value;
}

/** Reads from `start` to the `,` that ends the element, or the end of the text. */
function readElement(text: string, start: number): { element: XfccElement; next: number } | XfccFault {
  const element = new Map<XfccKey, string[]>();
  let at = start;
  for (;;) {
    const equals = text.indexOf('=', at);
    const name = equals === -1 ? '' : text.slice(at, equals).trim().toLowerCase();
    if (name === '' || /[,;"]/.test(name))
      return element.size === 0 && equals === -1 ? 'empty-element' : 'unknown-key';
    if (!isKey(name)) return 'unknown-key';
    const value = readValue(text, equals + 1);
    if (typeof value === 'string') return value;
    if ((name === 'cert' || name === 'chain') && !percentEncoded.test(value.value))
      return 'bad-percent-encoding';
    element.set(name, [...(element.get(name) ?? []), value.value]);
    at = value.next;
    if (at === text.length || text[at] === ',') return { element, next: at };
    at++;
  }
}

/** Reads a value; `next` is at the `;` or `,` behind it or the end of the text. */
function readValue(text: string, start: number): { value: string; next: number } | XfccFault {
  if (text[start] !== '"') {
    const end = nextOf(text, start, /[;,]/g);
    const value = text.slice(start, end);
    return /["=]/.test(value) ? 'bare-special-character' : { value, next: end };
  }
  let value = '';
  let at = start + 1;
  for (;;) {
    const end = nextOf(text, at, /["\\]/g);
    value += text.slice(at, end);
    if (end === text.length) return 'unbalanced-quote';
    if (text[end] === '"') {
      const next = end + 1;
      return next === text.length || text[next] === ';' || text[next] === ','
        ? { value, next }
        : 'text-after-quote';
    }
    const isEscape = text[end + 1] === '"';
    value += isEscape ? '"' : '\\';
    at = end + (isEscape ? 2 : 1);
  }
}

function nextOf(text: string, start: number, pattern: RegExp): number {
  pattern.lastIndex = start;
  return pattern.exec(text)?.index ?? text.length;
}

function isKey(name: string): name is XfccKey {
  return keys.has(name);
}
