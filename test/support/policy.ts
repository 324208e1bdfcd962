import { parseIp } from '../../src/base/ip.ts';
import {
  type AuthzRequest,
  compile,
  type EngineSettings,
  type HttpFacts,
  type PolicySnapshot,
  type TokenResult,
  type WorkloadFacts,
} from '../../src/policy/index.ts';
import { type AnyResource, parseResources } from '../../src/resources/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';

/** Resources from YAML; a finding of severity error fails the test that wrote it. */
export function resourcesOf(yaml: string): readonly AnyResource[] {
  const result = parseResources(yaml, { file: 'test.yaml', defaultNamespace: 'shop' });
  const errors = result.findings.filter(({ severity }) => severity === 'error');
  if (errors.length > 0)
    throw new TypeError(errors.map(({ message, path }) => `${path}: ${message}`).join('; '));
  return result.resources;
}

export function snapshotOf(yaml: string, settings: EngineSettings = {}): PolicySnapshot {
  return compile(resourcesOf(yaml), settings);
}

/** One AuthorizationPolicy in namespace `shop`, its spec as YAML flow or indented by the caller. */
export function policyYaml(
  name: string,
  spec: string,
  options: { namespace?: string; dryRun?: boolean } = {},
): string {
  const annotations = options.dryRun ? ', annotations: {istio.io/dry-run: "true"}' : '';
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${options.namespace ?? 'shop'}${annotations}}
spec: ${spec}
---
`;
}

export function peerYaml(
  name: string,
  spec: string,
  options: { namespace?: string; created?: string } = {},
): string {
  const created = options.created === undefined ? '' : `, creationTimestamp: "${options.created}"`;
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${options.namespace ?? 'shop'}${created}}
spec: ${spec}
---
`;
}

export function requestAuthYaml(name: string, spec: string, namespace = 'shop'): string {
  return `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---
`;
}

export interface RequestOptions {
  /** A principal without `spiffe://`; `none` is plaintext. Default `cluster.local/ns/web/sa/front`. */
  readonly from?: string;
  readonly connection?: Partial<AuthzRequest['connection']>;
  /** `tcp` for a plain connection. */
  readonly http?: Partial<HttpFacts> | 'tcp';
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly path?: string;
  readonly method?: string;
  readonly host?: string;
  readonly ip?: string;
  readonly remoteIp?: string;
  readonly port?: number;
  readonly tokens?: readonly TokenResult[] | undefined;
  readonly to?: WorkloadFacts;
  readonly more?: Partial<AuthzRequest>;
}

export const cart: WorkloadFacts = Object.freeze({
  namespace: 'shop',
  name: 'cart',
  serviceAccount: 'cart',
  labels: new Map([['app', 'cart']]),
  ports: new Map([[8080, 'http' as const]]),
});

export function requestTo(options: RequestOptions = {}): AuthzRequest {
  const { from = 'cluster.local/ns/web/sa/front' } = options;
  const isPlain = from === 'none';
  return {
    connection: {
      tls: isPlain ? 'none' : 'mutual',
      peer: isPlain ? undefined : SpiffeId.parse(`spiffe://${from}`),
      alpn: isPlain ? undefined : 'istio-h2',
      sourceIp: parseIp(options.ip ?? '10.0.0.7'),
      remoteIp: options.remoteIp === undefined ? undefined : parseIp(options.remoteIp),
      destinationIp: parseIp('10.0.0.9'),
      destinationPort: options.port ?? 8080,
      ...options.connection,
    },
    http: options.http === 'tcp' ? undefined : httpOf(options),
    tokens: 'tokens' in options ? options.tokens : [],
    destination: options.to ?? cart,
    ...options.more,
  };
}

function httpOf({ path, method, host, headers, http }: RequestOptions): HttpFacts {
  return {
    method: method ?? 'GET',
    authority: host ?? 'cart.shop',
    path: path ?? '/items',
    scheme: 'https',
    headers: new Map(
      Object.entries(headers ?? {}).map(([name, value]) => [
        name,
        typeof value === 'string' ? [value] : value,
      ]),
    ),
    ...(http === 'tcp' ? {} : http),
  };
}

/** A token that was verified, at `Authorization: Bearer`. */
export function bearer(
  claims: Readonly<Record<string, unknown>>,
  extra: Partial<TokenResult> = {},
): TokenResult {
  return {
    ok: true,
    place: { in: 'header', name: 'authorization', prefix: 'Bearer ' },
    claims: Object.assign(Object.create(null), claims),
    ...extra,
  } as TokenResult;
}
