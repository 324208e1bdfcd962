/** Keys of `when` (policy.md §3.5): exact and case-sensitive, but for three families with a name in brackets. */
export type ConditionKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'claim'; readonly path: readonly string[] }
  | { readonly kind: 'metadata'; readonly filter: string; readonly key: string }
  | { readonly kind: PlainKey };

export type PlainKey = (typeof plainKeys)[number];

const plainKeys = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.trustDomain',
  'source.principal',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
] as const;

const headerFamily = 'request.headers';
const claimFamily = 'request.auth.claims';
const metadataFamily = 'experimental.envoy.filters.';

/** `unknown` drops the whole rule; `malformed` is a known family with bad brackets, an error like a bad value. */
export function readConditionKey(key: string): ConditionKey | 'unknown' | 'malformed' {
  const plain = plainKeys.find((known) => known === key);
  if (plain !== undefined) return { kind: plain };
  if (key.startsWith(headerFamily)) {
    const name = insideBrackets(key.slice(headerFamily.length));
    return name === undefined ? 'malformed' : { kind: 'header', name };
  }
  if (key.startsWith(claimFamily)) {
    const path = bracketChain(key.slice(claimFamily.length));
    return path === undefined ? 'malformed' : { kind: 'claim', path };
  }
  if (!key.startsWith(metadataFamily)) return 'unknown';
  const open = key.indexOf('[');
  if (open === -1) return 'malformed';
  const end = key.endsWith(']') ? key.length - 1 : key.length;
  return { kind: 'metadata', filter: key.slice('experimental.'.length, open), key: key.slice(open + 1, end) };
}

function insideBrackets(text: string): string | undefined {
  return text.length >= 2 && text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : undefined;
}

/** `[a][b]` is a nested path; what does not read as a chain is one key between the outer brackets. */
function bracketChain(text: string): readonly string[] | undefined {
  const path: string[] = [];
  let at = 0;
  while (at < text.length) {
    const close = text.indexOf(']', at);
    const inner = close === -1 || text[at] !== '[' ? undefined : text.slice(at + 1, close);
    if (inner === undefined || inner.includes('[')) {
      const whole = insideBrackets(text);
      return whole === undefined ? undefined : [whole];
    }
    path.push(inner);
    at = close + 1;
  }
  return path.length === 0 ? undefined : path;
}
