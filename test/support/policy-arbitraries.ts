import fc from 'fast-check';
import { parseIp } from '../../src/base/ip.ts';
import { emptyOperation, emptySource } from '../../src/policy/explain/change-policy.ts';
import type {
  AuthzRequest,
  CompilableResource,
  EngineSettings,
  TokenResult,
  WorkloadFacts,
} from '../../src/policy/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import { bearer } from './policy.ts';

/** Small vocabularies, so that random policies and random requests meet often. */
const namespaces = ['shop', 'web', 'istio-system'] as const;
const principals = [
  'cluster.local/ns/web/sa/front',
  'cluster.local/ns/web/sa/back',
  'old.example/ns/web/sa/front',
  'cluster.local/ns/shop/sa/cart',
  'cluster.local/workload/extra',
] as const;
const principalPatterns = [
  ...principals,
  '*',
  'cluster.local/ns/web/*',
  '*/sa/front',
  'cluster.local/*',
  'a*b',
] as const;
const paths = [
  '/',
  '/items',
  '/items/7',
  '/admin',
  '/admin/x',
  '/a//b',
  '/items/../admin',
  '/Items',
] as const;
const pathPatterns = ['*', '/items', '/items*', '/admin/*', '*/x', '/items/{*}', '/{**}/x', '/'] as const;
const ips = ['10.0.0.7', '10.1.2.3', '192.0.2.1', '2001:db8::1'] as const;
const blocks = ['10.0.0.0/8', '10.0.0.7', '192.0.2.0/24', '2001:db8::/32', '0.0.0.0/0'] as const;
const hosts = ['cart.shop', 'CART.shop', 'cart.shop:8080', 'other.example'] as const;
const hostPatterns = ['cart.shop', 'cart.*', '*.example', '*', 'Cart.Shop:8080'] as const;
const roles = ['admin', 'user', 'user,admin', ''] as const;
const issuers = ['https://a.example', 'https://b.example'] as const;
const subjects = ['alice', 'bob', 'group/carol'] as const;

const some = <T>(values: readonly T[], maxLength = 2) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength });

/** One or two fields, rarely more: rules that some requests meet. */
function sparse<T extends object>(
  empty: T,
  fields: { readonly [K in keyof T]?: fc.Arbitrary<T[K]> },
): fc.Arbitrary<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return fc
    .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3, size: 'small' })
    .chain((chosen) =>
      fc.record(
        Object.fromEntries(chosen.map((name) => [name, fields[name]])) as Record<
          string,
          fc.Arbitrary<unknown>
        >,
      ),
    )
    .map((values) => ({ ...empty, ...values }));
}

const source = sparse(emptySource, {
  principals: some(principalPatterns),
  notPrincipals: some(principalPatterns),
  namespaces: some(['web', 'sh*', '*', 'shop']),
  notNamespaces: some(['web', 'shop']),
  ipBlocks: some(blocks),
  notIpBlocks: some(blocks),
  remoteIpBlocks: some(blocks),
  requestPrincipals: some(['*', 'https://a.example/alice', 'https://a.example/*', '*/bob', 'https*']),
  notRequestPrincipals: some(['*', 'https://b.example/*']),
});
const accountSource = sparse(emptySource, {
  serviceAccounts: some(['web/front', 'cart', 'shop/cart']),
  notServiceAccounts: some(['web/back']),
  trustDomains: some(['cluster.local', 'old.*', '*']),
});
const operation = sparse(emptyOperation, {
  hosts: some(hostPatterns),
  notHosts: some(hostPatterns),
  ports: some(['8080', '9090']),
  notPorts: some(['9090']),
  methods: some(['GET', 'POST', 'P*', '*']),
  notMethods: some(['DELETE', 'GET']),
  paths: some(pathPatterns),
  notPaths: some(pathPatterns),
});
const condition = fc
  .oneof(
    fc.record({ key: fc.constant('request.headers[X-Role]'), list: some(['admin', 'user', '*', 'us*']) }),
    fc.record({ key: fc.constant('source.ip'), list: some(blocks) }),
    fc.record({ key: fc.constant('destination.port'), list: some(['8080', '9090']) }),
    fc.record({ key: fc.constant('connection.sni'), list: some(['cart.shop', '*.example']) }),
    fc.record({ key: fc.constant('request.auth.claims[groups]'), list: some(['dev', 'ops', '*']) }),
    fc.record({ key: fc.constant('request.auth.audiences'), list: some(['shop', 'other']) }),
    fc.record({ key: fc.constant('source.principal'), list: some(principalPatterns) }),
  )
  .chain(({ key, list }) =>
    fc.boolean().map((negated) => ({ key, values: negated ? [] : list, notValues: negated ? list : [] })),
  );

const entries = <T>(entry: fc.Arbitrary<T>) => fc.array(entry, { maxLength: 2 });
const rule = fc.record({
  from: entries(fc.oneof({ weight: 3, arbitrary: source }, { weight: 1, arbitrary: accountSource })),
  to: entries(operation),
  when: fc.array(condition, { maxLength: 1 }),
});
const selector = fc.option(
  fc.constantFrom<readonly (readonly [string, string])[]>(
    [['app', 'cart']],
    [['app', 'other']],
    [
      ['app', 'cart'],
      ['tier', 'back'],
    ],
  ),
  { nil: undefined },
);

export const authorizationPolicy: fc.Arbitrary<CompilableResource> = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    dryRun: fc.constantFrom(false, false, false, true),
    action: fc.constantFrom('ALLOW', 'ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    selector,
    rules: fc.oneof(
      { weight: 9, arbitrary: fc.array(rule, { minLength: 1, maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constant([]) },
    ),
  })
  .map(({ namespace, dryRun, action, selector: labels, rules }) => ({
    kind: 'AuthorizationPolicy' as const,
    metadata: {
      namespace,
      name: 'unnamed',
      annotations: new Map(dryRun && action !== 'CUSTOM' ? [['istio.io/dry-run', 'true']] : []),
    },
    spec: {
      action,
      provider: action === 'CUSTOM' ? 'door' : undefined,
      selector: labels && { matchLabels: new Map(labels) },
      rules:
        (action === 'DENY' || action === 'CUSTOM') && rules.length === 0
          ? [{ from: [], to: [], when: [] }]
          : rules,
    },
  }));

export const peerAuthentication: fc.Arbitrary<CompilableResource> = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    mode: fc.constantFrom('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'),
    selector,
    portMode: fc.constantFrom('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT', undefined),
    createdAt: fc.constantFrom(1, 2, 3),
  })
  .map(({ namespace, mode, selector: labels, portMode, createdAt }) => ({
    kind: 'PeerAuthentication' as const,
    metadata: { namespace, name: 'unnamed', createdAt },
    spec: {
      mode,
      selector: labels && { matchLabels: new Map(labels) },
      portModes: labels === undefined || portMode === undefined ? new Map() : new Map([[8080, portMode]]),
    },
  }));

export const requestAuthentication: fc.Arbitrary<CompilableResource> = fc
  .record({
    namespace: fc.constantFrom(...namespaces),
    selector,
    issuer: fc.constantFrom(...issuers),
    audiences: fc.constantFrom([], ['shop']),
  })
  .map(({ namespace, selector: labels, issuer, audiences }) => ({
    kind: 'RequestAuthentication' as const,
    metadata: { namespace, name: 'unnamed' },
    spec: {
      selector: labels && { matchLabels: new Map(labels) },
      jwtRules: [
        {
          issuer,
          audiences,
          fromHeaders: [],
          fromParams: [],
          fromCookies: [],
          outputClaimToHeaders: [],
          forwardOriginalToken: false,
          spaceDelimitedClaims: [],
          presence: 'OPTIONAL' as const,
        },
      ],
    },
  }));

/** A handful of resources with names of their own. */
export const resources: fc.Arbitrary<readonly CompilableResource[]> = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: authorizationPolicy },
      { weight: 1, arbitrary: peerAuthentication },
      { weight: 1, arbitrary: requestAuthentication },
    ),
    { maxLength: 6 },
  )
  .map((list) => list.map((resource, i) => renamed(resource, `p${i}`)));

function renamed(resource: CompilableResource, name: string): CompilableResource {
  return { ...resource, metadata: { ...resource.metadata, name } } as CompilableResource;
}

export const settings: fc.Arbitrary<EngineSettings> = fc.record({
  mesh: fc.record({
    trustDomainAliases: fc.constantFrom([], ['old.example']),
    pathNormalization: fc.constantFrom('NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
    extensionProviders: fc.constantFrom(
      [],
      [{ name: 'door', protocol: 'grpc' as const, failOpen: false, statusOnError: 403 }],
      [{ name: 'door', protocol: 'http' as const, failOpen: true, statusOnError: 403 }],
    ),
  }),
  strict: fc.constantFrom(false, false, true),
});

export const workloads: readonly WorkloadFacts[] = [
  { namespace: 'shop', name: 'cart', labels: new Map([['app', 'cart']]), ports: new Map([[8080, 'http']]) },
  {
    namespace: 'shop',
    name: 'cart-back',
    labels: new Map([
      ['app', 'cart'],
      ['tier', 'back'],
    ]),
  },
  { namespace: 'web', name: 'other', labels: new Map([['app', 'other']]), ports: new Map([[9090, 'tcp']]) },
  { namespace: 'istio-system', name: 'root', labels: new Map() },
];

const token: fc.Arbitrary<TokenResult> = fc.oneof(
  fc
    .record({
      iss: fc.constantFrom(...issuers),
      sub: fc.constantFrom(...subjects),
      aud: fc.constantFrom<unknown>('shop', ['shop', 'x'], 'none'),
      groups: fc.constantFrom<unknown>(['dev'], ['ops', 3], 'dev', 7),
    })
    .map((claims) => bearer(claims)),
  fc
    .constantFrom('expired' as const, 'bad-signature' as const)
    .map((fault) => ({ ok: false as const, place: { in: 'header' as const, name: 'authorization' }, fault })),
);

export const requests: fc.Arbitrary<AuthzRequest> = fc
  .record({
    peer: fc.option(fc.constantFrom(...principals), { nil: undefined, freq: 4 }),
    alpn: fc.constantFrom('istio-h2', 'istio', 'h2', undefined),
    sni: fc.constantFrom('cart.shop', 'x.example', undefined),
    ip: fc.constantFrom(...ips),
    remoteIp: fc.option(fc.constantFrom(...ips), { nil: undefined }),
    port: fc.constantFrom(8080, 9090, 15008),
    isHttp: fc.constantFrom(true, true, true, false),
    method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT'),
    path: fc.constantFrom(...paths),
    host: fc.constantFrom(...hosts),
    role: fc.option(fc.array(fc.constantFrom(...roles), { minLength: 1, maxLength: 2 }), { nil: undefined }),
    tokens: fc.array(token, { maxLength: 2 }),
    custom: fc.constantFrom('allow', 'deny', 'unavailable', undefined),
    destination: fc.constantFrom(...workloads),
  })
  .map((r) => ({
    connection: {
      tls: r.peer === undefined ? 'none' : 'mutual',
      peer: r.peer === undefined ? undefined : SpiffeId.parse(`spiffe://${r.peer}`),
      alpn: r.peer === undefined ? undefined : r.alpn,
      sni: r.sni,
      sourceIp: parseIp(r.ip),
      remoteIp: r.remoteIp === undefined ? undefined : parseIp(r.remoteIp),
      destinationIp: parseIp('10.0.0.9'),
      destinationPort: r.port,
    },
    http: r.isHttp
      ? {
          method: r.method,
          path: r.path,
          authority: r.host,
          scheme: 'https',
          headers: new Map(r.role === undefined ? [] : [['x-role', r.role]]),
        }
      : undefined,
    tokens: r.isHttp ? r.tokens : [],
    custom: r.custom === undefined ? undefined : new Map([['door', { outcome: r.custom }]]),
    destination: r.destination,
  }));
