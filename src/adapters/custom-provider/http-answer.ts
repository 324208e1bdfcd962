import type { CustomResult, HeaderValue } from '../../policy/index.ts';
import type { ExtensionProvider } from '../../resources/index.ts';
import { mayChange } from './allowed-headers.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Names and values in turn, as they came. */
  readonly raw: readonly string[];
  readonly body: string;
}

/** 200 is yes, 5xx is no answer, and anything else is a no that the client gets to see (proxies.md §1.7). */
export function readHttpAnswer(provider: ExtensionProvider, { status, raw, body }: HttpAnswer): CustomResult {
  const headers = headerValues(raw);
  const isUpstream = pickHeaders(provider.headersToUpstreamOnAllow);
  if (status === 200)
    return {
      outcome: 'allow',
      setHeaders: lastOfEach(headers.filter(({ name }) => isUpstream(name) && mayChange(name))),
      removeHeaders: removals(headers),
    };
  if (status >= 500 || status < 200) return { outcome: 'unavailable' };
  const isDownstream = downstream(provider);
  return { outcome: 'deny', status, body, responseHeaders: headers.filter(({ name }) => isDownstream(name)) };
}

/** Names as Istio writes them: exact, `prefix*` or `*suffix`. */
export function pickHeaders(patterns: readonly string[]): (name: string) => boolean {
  const exact = new Set<string>();
  const prefixes: string[] = [];
  const suffixes: string[] = [];
  for (const pattern of patterns.map((text) => text.toLowerCase()))
    if (pattern.endsWith('*')) prefixes.push(pattern.slice(0, -1));
    else if (pattern.startsWith('*')) suffixes.push(pattern.slice(1));
    else exact.add(pattern);
  return (name) =>
    exact.has(name) ||
    prefixes.some((prefix) => name.startsWith(prefix)) ||
    suffixes.some((suffix) => name.endsWith(suffix));
}

/** Without a list everything goes on but what belongs to the connection; these always do. */
function downstream({ headersToDownstreamOnDeny: listed }: ExtensionProvider): (name: string) => boolean {
  const isListed = listed.length === 0 ? () => true : pickHeaders([...listed, ...alwaysDown]);
  return (name) => mayChange(name) && !ofMessage.has(name) && isListed(name);
}

const alwaysDown = ['www-authenticate', 'location'];
const ofMessage: ReadonlySet<string> = new Set(['content-encoding', 'date']);

function headerValues(raw: readonly string[]): readonly HeaderValue[] {
  const headers: HeaderValue[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2)
    headers.push({ name: (raw[i] as string).toLowerCase(), value: raw[i + 1] as string });
  return headers;
}

function lastOfEach(headers: readonly HeaderValue[]): readonly HeaderValue[] {
  return [...new Map(headers.map((header) => [header.name, header])).values()];
}

function removals(headers: readonly HeaderValue[]): readonly string[] {
  return headers
    .filter(({ name }) => name === 'x-envoy-auth-headers-to-remove')
    .flatMap(({ value }) => value.split(','))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && mayChange(name));
}
