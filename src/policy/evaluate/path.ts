import type { Settings } from '../compile/settings.ts';

/**
 * Path normalisation as Envoy does it for Istio (policy.md §3.9), by our own hand: a URL library would read the path by
 * other rules than the proxy does.
 */
export type NormalisedPath =
  | {
      readonly ok: true;
      /** Without query: what rules match. */
      readonly path: string;
      /** `?…`, untouched, or empty. */
      readonly query: string;
    }
  | { readonly ok: false; readonly fault: string };

export type PathRules = Pick<Settings, 'pathNormalization' | 'strict' | 'stripPathParameters'>;

/** Longer request targets are refused in both modes (Z07). */
export const maxPathLength = 8192;

export function normalisePath(raw: string, rules: PathRules): NormalisedPath {
  if (raw.length > maxPathLength) return fault(`the path is longer than ${maxPathLength} characters`);
  const end = scanPlain(raw);
  if (end === raw.length) return { ok: true, path: raw, query: '' };
  if (raw.charCodeAt(end) === questionMark && !raw.includes('#', end))
    return isPrintable(raw, end)
      ? { ok: true, path: raw.slice(0, end), query: raw.slice(end) }
      : fault('the query holds a control character');
  return normaliseSlowly(raw, rules);
}

const slash = 47;
const dot = 46;
const percent = 37;
const backslash = 92;
const questionMark = 63;

/** Characters that some level may touch: controls, blanks, `%`, `\\`, `#`, `;`, `?`, and all beyond ASCII. */
const special = new Uint8Array(128).map((_, unit) =>
  unit <= 32 || unit === 127 || '%\\#;?'.includes(String.fromCharCode(unit)) ? 1 : 0,
);

/** How far the path holds nothing that any level would touch: up to its end, or to the first character that may matter. */
function scanPlain(raw: string): number {
  let isAfterSlash = false;
  for (let i = 0; i < raw.length; i++) {
    const unit = raw.charCodeAt(i);
    if (unit > 127 || special[unit] === 1) return i;
    const isSlash = unit === slash;
    if (isAfterSlash && (isSlash || unit === dot)) return i;
    isAfterSlash = isSlash;
  }
  return raw.length;
}

function normaliseSlowly(raw: string, rules: PathRules): NormalisedPath {
  if (!isPrintable(raw, 0)) return fault('the path holds a blank or control character');
  const fragment = raw.indexOf('#');
  if (fragment !== -1 && rules.strict) return fault('the path holds a fragment');
  const target = fragment === -1 ? raw : raw.slice(0, fragment);
  const mark = target.indexOf('?');
  const query = mark === -1 ? '' : target.slice(mark);
  let path = mark === -1 ? target : target.slice(0, mark);
  if (holdsEscapedNul(path)) return fault('the path holds %00');
  const problem = rules.strict ? strictProblem(path, rules) : undefined;
  if (problem !== undefined) return fault(problem);
  const level = rules.strict ? strictLevel(rules) : rules.pathNormalization;
  if (level === 'DECODE_AND_MERGE_SLASHES') path = decodeSlashes(path);
  if (rules.stripPathParameters) path = stripParameters(path);
  if (level !== 'NONE') {
    const resolved = resolveDots(decodeUnreserved(path), rules.strict);
    if (resolved === undefined) return fault('the path leads above its root');
    path = resolved;
  }
  if (level === 'MERGE_SLASHES' || level === 'DECODE_AND_MERGE_SLASHES') path = mergeSlashes(path);
  return { ok: true, path, query };
}

function fault(text: string): NormalisedPath {
  return { ok: false, fault: text };
}

/** Strict mode resolves and merges at every level (Z02). */
function strictLevel({ pathNormalization }: PathRules): PathRules['pathNormalization'] {
  return pathNormalization === 'DECODE_AND_MERGE_SLASHES' ? pathNormalization : 'MERGE_SLASHES';
}

/** Z01 and Z06: an escaped slash unless the level decodes it, a broken escape, and bytes that are not UTF-8. */
function strictProblem(path: string, { pathNormalization }: PathRules): string | undefined {
  const bytes: number[] = [];
  for (let i = 0; i < path.length; i++) {
    const unit = path.charCodeAt(i);
    if (unit > 126) return 'the path holds a character outside ASCII';
    if (unit !== percent) {
      bytes.push(unit);
      continue;
    }
    const byte = escapedByte(path, i);
    if (byte === -1) return 'the path holds a percent sign that begins no escape';
    if ((byte === slash || byte === backslash) && pathNormalization !== 'DECODE_AND_MERGE_SLASHES')
      return 'the path holds an escaped slash';
    bytes.push(byte);
    i += 2;
  }
  return isUtf8(bytes) ? undefined : 'the path holds escaped bytes that are not UTF-8';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(bytes: readonly number[]): boolean {
  try {
    utf8.decode(Uint8Array.from(bytes));
    return true;
  } catch {
    return false;
  }
}

function isPrintable(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit <= 32 || unit === 127) return false;
  }
  return true;
}

/** The value of `%HH` at `at`; -1 when there is none. */
function escapedByte(text: string, at: number): number {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

/** -1 for anything else, the NaN beyond the end included. */
function hexValue(unit: number): number {
  if (unit >= 48 && unit <= 57) return unit - 48;
  if (unit >= 65 && unit <= 70) return unit - 55;
  return unit >= 97 && unit <= 102 ? unit - 87 : -1;
}

/** Refused at every level (policy.md, correction 5). */
function holdsEscapedNul(path: string): boolean {
  return path.includes('%00');
}

/** `%2F` and `%5C`, once: what an escape hides inside another escape stays hidden. */
function decodeSlashes(path: string): string {
  return mapEscapes(path, (byte) => byte === slash || byte === backslash);
}

/** RFC 3986 §2.3: letters, digits, `-._~` never need an escape. */
function decodeUnreserved(path: string): string {
  return mapEscapes(path, isUnreserved);
}

/**
 * Decodes the escapes whose byte is wanted. One that would complete a new escape with a stray `%` before it stays as it
 * is: what is decoded once is never decoded again by whoever reads the result.
 */
function mapEscapes(path: string, wanted: (byte: number) => boolean): string {
  const pieces: string[] = [];
  let copied = 0;
  let tail = '';
  for (let i = path.indexOf('%'); i !== -1; i = path.indexOf('%', i)) {
    const byte = escapedByte(path, i);
    if (byte === -1) {
      i += 1;
      continue;
    }
    const before = copied === i ? tail : (tail + path.slice(Math.max(copied, i - 2), i)).slice(-2);
    if (wanted(byte) && !before.includes('%')) {
      const decoded = String.fromCharCode(byte);
      pieces.push(path.slice(copied, i), decoded);
      copied = i + 3;
      tail = (before + decoded).slice(-2);
    }
    i += 3;
  }
  return copied === 0 ? path : pieces.join('') + path.slice(copied);
}

function isUnreserved(byte: number): boolean {
  return (
    (byte >= 48 && byte <= 57) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 97 && byte <= 122) ||
    byte === 45 ||
    byte === dot ||
    byte === 95 ||
    byte === 126
  );
}

/** `\` is a slash; `.` goes, `..` takes the segment before it along. Undefined above the root, when that is refused. */
function resolveDots(path: string, refuseAbove: boolean): string | undefined {
  const slashed = path.includes('\\') ? path.split('\\').join('/') : path;
  if (!slashed.includes('/.')) return slashed;
  const kept: string[] = [];
  const segments = slashed.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    if (segment !== '.' && segment !== '..') {
      kept.push(segment);
      continue;
    }
    if (segment === '..' && kept.pop() === undefined && refuseAbove) return undefined;
    if (isLast) kept.push('');
  }
  return `/${kept.join('/')}`;
}

function mergeSlashes(path: string): string {
  if (!path.includes('//')) return path;
  let merged = '';
  for (let i = 0; i < path.length; i++)
    if (path.charCodeAt(i) !== slash || path.charCodeAt(i + 1) !== slash) merged += path[i];
  return merged;
}

/** Our option (Z03): `;…` up to the next slash is dropped from each segment. */
function stripParameters(path: string): string {
  if (!path.includes(';')) return path;
  return path
    .split('/')
    .map((segment) => {
      const at = segment.indexOf(';');
      return at === -1 ? segment : segment.slice(0, at);
    })
    .join('/');
}
