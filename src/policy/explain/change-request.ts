import { parseIp } from '../../base/ip.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { RequestChange } from '../explanation.ts';
import { isFields } from '../match/context.ts';
import type {
  AuthzRequest,
  ConnectionFacts,
  HttpFacts,
  JsonData,
  JsonFields,
  TokenPlace,
  TokenResult,
} from '../request.ts';

/** The request with one suggestion's changes; undefined when one of them does not apply to it. */
export function changeRequest(
  request: AuthzRequest,
  changes: readonly RequestChange[],
): AuthzRequest | undefined {
  let changed: AuthzRequest | undefined = request;
  for (const change of changes) changed = changed && applyChange(changed, change);
  return changed;
}

function applyChange(request: AuthzRequest, change: RequestChange): AuthzRequest | undefined {
  switch (change.set) {
    case 'tls':
      return withConnection(
        request,
        change.value === 'none' ? plaintext : { tls: 'mutual', alpn: undefined },
      );
    case 'peer':
      return setPeer(request, change.value);
    case 'sourceIp':
    case 'remoteIp':
    case 'destinationIp': {
      const ip = parseIp(change.value);
      return ip && withConnection(request, { [change.set]: ip });
    }
    case 'destinationPort':
      return withConnection(request, { destinationPort: change.value });
    case 'sni':
      return withConnection(request, { sni: change.value });
    case 'method':
    case 'authority':
    case 'path':
      return withHttp(request, { [change.set]: change.value });
    case 'header':
      return setHeader(request, change.name, change.value);
    case 'claim':
    case 'claims':
    case 'tokens':
      return setTokens(request, change);
    case 'custom':
      return {
        ...request,
        custom: new Map([...(request.custom ?? []), [change.provider, { outcome: change.value }]]),
      };
  }
}

const plaintext: Partial<ConnectionFacts> = {
  tls: 'none',
  peer: undefined,
  peerProblem: undefined,
  alpn: undefined,
};

function withConnection(request: AuthzRequest, facts: Partial<ConnectionFacts>): AuthzRequest {
  return { ...request, connection: { ...request.connection, ...facts } };
}

function withHttp(request: AuthzRequest, facts: Partial<HttpFacts>): AuthzRequest | undefined {
  return request.http && { ...request, http: { ...request.http, ...facts } };
}

/** An identity comes with mutual TLS of the mesh; none is a plaintext connection. */
function setPeer(request: AuthzRequest, uri: string | undefined): AuthzRequest | undefined {
  if (uri === undefined) return withConnection(request, plaintext);
  const peer = SpiffeId.tryParse(uri);
  if (peer === undefined) return undefined;
  const isMutual = request.connection.tls === 'mutual' && request.connection.peerProblem === undefined;
  return withConnection(
    request,
    isMutual ? { peer } : { tls: 'mutual', peer, peerProblem: undefined, alpn: undefined },
  );
}

function setHeader(request: AuthzRequest, name: string, value: string | undefined): AuthzRequest | undefined {
  if (request.http === undefined) return undefined;
  if (name === 'host' || name === ':authority') return withHttp(request, { authority: value });
  if (name.startsWith(':')) return undefined;
  const headers = new Map(request.http.headers);
  if (value === undefined) headers.delete(name);
  else headers.set(name, [value]);
  return withHttp(request, { headers });
}

const bearer: TokenPlace = { in: 'header', name: 'authorization' };

function setTokens(
  request: AuthzRequest,
  change: Extract<RequestChange, { set: 'claim' | 'claims' | 'tokens' }>,
): AuthzRequest | undefined {
  if (request.http === undefined) return undefined;
  if (change.set === 'tokens') return { ...request, tokens: [] };
  const token = request.tokens?.find(({ ok }) => ok) ?? emptyToken;
  const before = token.ok ? token.claims : {};
  const claims =
    change.set === 'claims'
      ? { ...before, iss: change.issuer, sub: change.subject }
      : asFields(withClaim(before, change.path, change.value));
  return { ...request, tokens: [{ ...token, ok: true, claims } as TokenResult] };
}

const emptyToken: TokenResult = { ok: true, place: bearer, claims: {} };

function withClaim(value: JsonData, path: readonly string[], text: string): JsonData {
  const [name, ...rest] = path;
  if (name === undefined) return text;
  const fields = isFields(value) ? value : {};
  const own = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return Object.fromEntries([...Object.entries(fields), [name, withClaim(own, rest, text)]]);
}

function asFields(value: JsonData): JsonFields {
  return isFields(value) ? value : {};
}
