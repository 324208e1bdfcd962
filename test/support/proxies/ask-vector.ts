import type { AuthzRequest } from '../../../src/policy/index.ts';
import type { CheckInit } from '../check-harness.ts';
import type { PeerCredentials } from './vector-peers.ts';
import type { VectorCase } from './vectors.ts';

export type VectorDoor = 'Envoy' | 'gRPC' | 'ext-authz-http' | 'forward-auth' | 'auth-request';

/** Why a case of the corpus cannot be put to a door as it stands; undefined: it can. */
export function leftOut(vector: VectorCase, door: VectorDoor): string | undefined {
  for (const [reason, applies] of reasons) if (applies({ ...vector, door })) return reason;
  return undefined;
}

interface Asked extends VectorCase {
  readonly door: VectorDoor;
}

const isHttpDoor = (door: VectorDoor) => door !== 'Envoy' && door !== 'gRPC';
const reads = ({ decision }: Asked, input: string) => decision.inputs.includes(input);

const doorWords = /^(x-forwarded-.*|x-original-.*|x-real-ip|x-ssl-client-cert)$/;

/** The closed list, each reason once. */
const reasons: readonly (readonly [string, (asked: Asked) => boolean])[] = [
  ['a proxy does not tell which protocol ALPN chose', ({ request }) => request.connection.alpn !== undefined],
  [
    'a check tells one address of the client, not two',
    ({ request: { connection } }) =>
      connection.remoteIp !== undefined && connection.remoteIp.text !== connection.sourceIp?.text,
  ],
  ['no TLS stack shows such a certificate', ({ request }) => request.connection.peerProblem === 'malformed'],
  [
    'what a WorkloadEntry says makes no gateway and no waypoint',
    ({ request: { destination } }) =>
      destination.gatewayName !== undefined ||
      destination.services !== undefined ||
      (destination.proxy ?? 'sidecar') !== 'sidecar',
  ],
  [
    'the token stands where the case does not write it',
    ({ request }) => (request.tokens ?? []).some(({ place }) => place.in !== 'header'),
  ],
  [
    'a rule without an issuer takes only keys that are fetched',
    ({ request, issuers }) => issuers.has('') && (request.tokens ?? []).length > 0,
  ],
  [
    'no token can be made of which that is true',
    ({ request, issuers }) =>
      (request.tokens ?? []).some((token) =>
        token.ok
          ? typeof token.claims.iss !== 'string' || !issuers.has(token.claims.iss)
          : token.fault === 'keys-unavailable' || issuers.size === 0,
      ),
  ],
  [
    'the case does not say whose the spoilt token is',
    ({ request, issuers }) => issuers.size > 1 && (request.tokens ?? []).some(({ ok }) => !ok),
  ],
  [
    'no authority issues such an identity',
    ({ request }) => /^spiffe:\/\/[^/]*$/.test(request.connection.peer?.uri ?? ''),
  ],
  [
    'a door asks every provider that is needed',
    ({ request, decision }) =>
      decision.reason === 'custom_unavailable' &&
      ![...(request.custom?.values() ?? [])].some(({ outcome }) => outcome === 'unavailable'),
  ],
  [
    'Envoy reads a whole URL itself',
    ({ request: { http }, door }) => door === 'Envoy' && http !== undefined && /^[a-z]+:/i.test(http.path),
  ],
  [
    'a real request has a scheme',
    ({ request: { http }, decision }) =>
      http !== undefined &&
      http.scheme === undefined &&
      [...decision.inputs].some((input) => input.includes('scheme')),
  ],
  [
    'the scheme is that of the connection',
    ({ request: { http, connection }, door }) =>
      http?.scheme !== undefined &&
      door !== 'gRPC' &&
      http.scheme !== (connection.tls === 'none' ? 'http' : 'https'),
  ],
  [
    'the header is one of the words of the door',
    ({ request: { http }, door }) =>
      isHttpDoor(door) && [...(http?.headers.keys() ?? [])].some((name) => doorWords.test(name)),
  ],
  [
    'metadata comes from other filters of the proxy',
    ({ request, door }) => door !== 'gRPC' && request.dynamicMetadata !== undefined,
  ],
  [
    'the name that a client asks for is only told in TLS',
    ({ request: { connection } }) => connection.sni !== undefined && connection.tls === 'none',
  ],
  [
    'the PROXY header cannot mix address families',
    ({ request: { connection }, door }) =>
      door === 'Envoy' && connection.sourceIp?.version !== connection.destinationIp?.version,
  ],
  [
    'a plain connection has no HTTP door',
    ({ request, door }) => isHttpDoor(door) && request.http === undefined,
  ],
  [
    'an HTTP door is not told of TLS without a client certificate',
    ({ request, door }) =>
      isHttpDoor(door) && (request.connection.tls === 'one-way' || request.connection.sni !== undefined),
  ],
  [
    'an HTTP door is not told the destination address',
    (asked) => isHttpDoor(asked.door) && (reads(asked, 'destination.ip') || reads(asked, 'connection.sni')),
  ],
  [
    'a proxy of this kind cannot rewrite the path, so one that is not normalised is refused',
    ({ decision, door }) =>
      isHttpDoor(door) && decision.outcome === 'allow' && decision.effects.path !== undefined,
  ],
  [
    'the words of this door have no room for such a request',
    ({ request: { http }, door }) =>
      isHttpDoor(door) &&
      (!http?.path.startsWith('/') ||
        !http.authority ||
        /[\s,/]/.test(http.authority) ||
        !/^[A-Z]+$/.test(http.method)),
  ],
];

/** The case as Envoy would put it. */
export function checkOf(
  { connection, http, dynamicMetadata }: AuthzRequest,
  credentials?: PeerCredentials,
): CheckInit {
  const { sourceIp, destinationIp, destinationPort, tls, sni, peer } = connection;
  const raw = (name: string, value: string) => ({ key: name, rawValue: Buffer.from(value) });
  return {
    attributes: {
      source: {
        address: socket(sourceIp?.text ?? '', 41_000),
        principal: peer?.uri ?? '',
        certificate: credentials === undefined ? '' : encodeURIComponent(credentials.cert),
      },
      destination: { address: socket(destinationIp?.text ?? '', destinationPort) },
      ...(tls === 'none' ? {} : { tlsSession: { sni: sni ?? '' } }),
      ...(dynamicMetadata === undefined
        ? {}
        : { metadataContext: { filterMetadata: Object.fromEntries(dynamicMetadata) as never } }),
      ...(http === undefined
        ? {}
        : {
            request: {
              http: {
                method: http.method,
                path: http.path,
                host: http.authority ?? '',
                scheme: http.scheme ?? (tls === 'none' ? 'http' : 'https'),
                headerMap: {
                  headers: [...http.headers].flatMap(([name, lines]) => lines.map((line) => raw(name, line))),
                },
              },
            },
          }),
    },
  };
}

function socket(address: string, port: number) {
  const value = { address, portSpecifier: { case: 'portValue' as const, value: port } };
  return { address: { case: 'socketAddress' as const, value } };
}

type Line = readonly [string, string];

/** The case in the words of an HTTP dialect. */
export function callOf(
  door: 'ext-authz-http' | 'forward-auth' | 'auth-request',
  { connection, destination, http }: AuthzRequest,
  credentials: PeerCredentials | undefined,
): { readonly method: string; readonly path: string; readonly headers: readonly Line[] } {
  const { method = '', path = '', authority = '', headers, scheme = 'https' } = http ?? {};
  const lines = [...(headers ?? [])].flatMap(([name, values]) => values.map((value): Line => [name, value]));
  const ip = connection.sourceIp?.text ?? '';
  const workload = `${destination.namespace}/${destination.name ?? 'workload'}`;
  const certificate = credentials === undefined ? undefined : encodeURIComponent(credentials.cert);
  const shown: readonly Line[] = certificate === undefined ? [] : [['X-SSL-Client-Cert', certificate]];
  const query = `?workload=${workload}&port=${connection.destinationPort}`;
  switch (door) {
    case 'ext-authz-http': {
      const element = `By=spiffe://cluster.local/ns/any/sa/envoy;Cert="${certificate}"${connection.peer === undefined ? '' : `;URI=${connection.peer.uri}`}`;
      return {
        method,
        path: `/authz/ext-authz/${workload}:${connection.destinationPort}${path}`,
        headers: [
          ['host', authority],
          ['x-real-ip', ip],
          ['x-forwarded-proto', scheme],
          ...(certificate === undefined ? [] : [['x-forwarded-client-cert', element] as const]),
          ...lines,
        ],
      };
    }
    case 'forward-auth':
      return {
        method: 'GET',
        path: `/authz/forward-auth${query}`,
        headers: [
          ['host', 'castellan'],
          ['X-Forwarded-Method', method],
          ['X-Forwarded-Proto', scheme],
          ['X-Forwarded-Host', authority],
          ['X-Forwarded-Uri', path],
          ['X-Forwarded-For', ip],
          ...shown,
          ...lines,
        ],
      };
    case 'auth-request':
      return {
        method: 'GET',
        path: `/authz/auth-request${query}`,
        headers: [
          ['host', 'castellan'],
          ['X-Original-Method', method],
          ['X-Original-URL', `${scheme}://${authority}${path}`],
          ['X-Real-IP', ip],
          ...shown,
          ...lines,
        ],
      };
  }
}
