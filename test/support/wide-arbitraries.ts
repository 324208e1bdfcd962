/**
 * Random policies and requests with more to them than `policy-arbitraries.ts` has: odd paths and hosts, all kinds of
 * proxies, targets, several providers, tokens at several places, certificates that are not good.
 */
import fc from 'fast-check';
import { emptyOperation, emptySource } from '../../src/policy/explain/change-policy.ts';
import type {
  AuthzRequest,
  CompilableResource,
  EngineSettings,
  JsonFields,
  TokenPlace,
  TokenResult,
  WorkloadFacts,
} from '../../src/policy/index.ts';
import { SpiffeId } from '../../src/spiffe/index.ts';
import { requests, resources, settings, workloads } from './policy-arbitraries.ts';

const paths = [
  '/items?x=/admin',
  '//admin',
  '/x/../admin',
  '/../admin',
  '/%61dmin',
  '/%2fadmin',
  '/x/..%2Fadmin',
  '/%5cadmin',
  '/x\\admin',
  '/admin;v=1/x',
  '/%2561dmin',
  '/%c0%af',
  '/%zz',
  '/items#x',
  '/a b',
  '/%00',
  '*',
  'items',
  'http://cart.shop/items',
  '/items/a*b',
  '/items/',
] as const;
const hosts = ['cart.shop.', 'cart.shop:', '[::1]:80', 'u@cart.shop', ' cart.shop', 'a.b:c:80'] as const;
const methods = ['OPTIONS', 'CONNECT', 'get', 'M-SEARCH'] as const;

const targets = [
  { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' },
  { group: '', kind: 'Service', name: 'cart' },
  { group: 'networking.istio.io', kind: 'ServiceEntry', name: 'ext' },
  { group: 'gateway.networking.k8s.io', kind: 'GatewayClass', name: 'istio-waypoint' },
] as const;

export const proxies: readonly WorkloadFacts[] = [
  ...workloads,
  { namespace: 'shop', name: 'gw', labels: new Map([['app', 'cart']]), proxy: 'gateway', gatewayName: 'gw' },
  { namespace: 'shop', name: 'old-gw', labels: new Map([['app', 'cart']]), proxy: 'gateway' },
  {
    namespace: 'shop',
    name: 'way',
    labels: new Map([['gateway.networking.k8s.io/gateway-name', 'gw']]),
    proxy: 'waypoint',
    services: [
      { namespace: 'shop', name: 'cart', registry: 'kubernetes' },
      { namespace: 'web', name: 'ext', registry: 'external' },
    ],
  },
  { namespace: 'web', name: 'node', labels: new Map([['app', 'other']]), proxy: 'ztunnel' },
];

/** One resource in three changed: a target instead of a selector, another provider, other places of tokens. */
const changedResource = (resource: CompilableResource): fc.Arbitrary<CompilableResource> => {
  if (resource.kind === 'AuthorizationPolicy')
    return fc
      .record({
        target: fc.option(fc.constantFrom(...targets), { nil: undefined, freq: 2 }),
        provider: fc.constantFrom('door', 'side', 'missing'),
        dry: fc.constantFrom(false, false, false, true),
      })
      .map(({ target, provider, dry }) => ({
        ...resource,
        metadata: {
          ...resource.metadata,
          annotations:
            dry && resource.spec.action !== 'AUDIT'
              ? new Map([['istio.io/dry-run', 'true']])
              : resource.metadata.annotations,
        },
        spec: {
          ...resource.spec,
          ...(target === undefined ? {} : { targetRefs: [target], selector: undefined }),
          ...(resource.spec.action === 'CUSTOM' ? { provider } : {}),
        },
      }));
  if (resource.kind !== 'RequestAuthentication') return fc.constant(resource);
  return fc
    .record({
      fromHeaders: fc.constantFrom([], [{ name: 'X-Jwt', prefix: '' }]),
      fromParams: fc.constantFrom([], ['tok']),
      presence: fc.constantFrom('OPTIONAL' as const, 'OPTIONAL' as const, 'REQUIRED' as const),
      spaceDelimitedClaims: fc.constantFrom([], ['groups']),
      issuer: fc.constantFrom(undefined, 'https://a.example', 'https://b.example'),
    })
    .map((changes) => ({
      ...resource,
      spec: { ...resource.spec, jwtRules: resource.spec.jwtRules.map((rule) => ({ ...rule, ...changes })) },
    }));
};

export const wideResources: fc.Arbitrary<readonly CompilableResource[]> = resources.chain((list) =>
  fc.tuple(
    ...list.map((resource) =>
      fc.oneof(
        { weight: 2, arbitrary: fc.constant(resource) },
        { weight: 1, arbitrary: changedResource(resource) },
      ),
    ),
  ),
);

const provider = (name: string, protocol: 'http' | 'grpc', failOpen: boolean) => ({
  name,
  protocol,
  failOpen,
  statusOnError: 403,
});

export const wideSettings: fc.Arbitrary<EngineSettings> = fc
  .record({
    base: settings,
    providers: fc.constantFrom(
      undefined,
      [provider('door', 'grpc', false), provider('side', 'grpc', true)],
      [provider('door', 'http', true), provider('side', 'grpc', false)],
    ),
    root: fc.constantFrom(undefined, undefined, 'web'),
    multipleCustomProviders: fc.boolean(),
    selectorsOnGateways: fc.boolean(),
    stripPathParameters: fc.constantFrom(false, false, true),
    skipTrustDomainValidation: fc.constantFrom(false, false, true),
    selfProviders: fc.constantFrom([], [], ['side']),
  })
  .map(({ base, providers, root, ...flags }) => ({
    ...base,
    ...flags,
    mesh: {
      ...base.mesh,
      rootNamespace: root,
      ...(providers === undefined ? {} : { extensionProviders: providers }),
    },
  }));

const places: readonly TokenPlace[] = [
  { in: 'header', name: 'authorization', prefix: 'Bearer ' },
  { in: 'header', name: 'x-jwt', prefix: '' },
  { in: 'param', name: 'access_token' },
  { in: 'param', name: 'tok' },
];

const token: fc.Arbitrary<TokenResult> = fc
  .record({
    place: fc.constantFrom(...places),
    fault: fc.constantFrom(
      undefined,
      undefined,
      undefined,
      'malformed' as const,
      'expired' as const,
      'no-matching-key' as const,
    ),
    iss: fc.constantFrom<unknown>('https://a.example', 'https://b.example', 'https://c.example', 7),
    sub: fc.constantFrom<unknown>('alice', 'bob', 'group/carol', '', undefined),
    aud: fc.constantFrom<unknown>('shop', 'https://shop/', ['x', 'shop'], 'none', undefined),
    groups: fc.constantFrom<unknown>('dev', 'ops dev', ['dev'], [['dev']], { dev: 'dev' }, undefined),
  })
  .map(({ place, fault, ...claims }) =>
    fault === undefined
      ? { ok: true as const, place, claims: Object.assign(Object.create(null), claims) as JsonFields }
      : { ok: false as const, place, fault },
  );

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 1 });

/** Every second request changed in some way. */
export const wideRequests: fc.Arbitrary<AuthzRequest> = fc
  .record({
    base: requests,
    path: sometimes(fc.constantFrom(...paths)),
    host: sometimes(fc.constantFrom(...hosts)),
    method: fc.option(fc.constantFrom(...methods), { nil: undefined, freq: 4 }),
    scheme: fc.constantFrom('https', 'HtTp', undefined),
    destination: fc.constantFrom(...proxies),
    tokens: sometimes(fc.array(token, { maxLength: 3 })),
    problem: fc.option(fc.constantFrom('expired' as const, 'untrusted-root' as const), {
      nil: undefined,
      freq: 6,
    }),
    oneWay: fc.constantFrom(false, false, false, true),
    preflight: fc.constantFrom(false, false, false, true),
    role: fc.option(fc.constantFrom('admin, user', ' admin ', 'user,', 'us*'), { nil: undefined }),
    side: fc.constantFrom('allow' as const, 'deny' as const, 'unavailable' as const, undefined),
  })
  .map((r) => {
    const { base } = r;
    const { connection, http } = base;
    const headers = new Map(http?.headers);
    if (r.preflight)
      headers.set('origin', ['https://o.example']).set('access-control-request-method', ['GET']);
    if (r.role !== undefined) headers.set('x-role', [...(headers.get('x-role') ?? []), r.role]);
    const bad = connection.tls === 'mutual' ? r.problem : undefined;
    const custom = new Map(base.custom);
    if (r.side !== undefined) custom.set('side', { outcome: r.side });
    return {
      ...base,
      connection: {
        ...connection,
        ...(connection.tls === 'none' && r.oneWay ? { tls: 'one-way' as const, alpn: 'istio-h2' } : {}),
        ...(bad === undefined ? {} : { peer: undefined, peerProblem: bad }),
      },
      ...(http === undefined
        ? {}
        : {
            http: {
              ...http,
              path: r.path ?? http.path,
              authority: r.host ?? http.authority,
              method: r.method ?? http.method,
              scheme: r.scheme,
              headers,
            },
            tokens: r.tokens ?? base.tokens,
          }),
      custom,
      destination: r.destination,
    };
  });

const escapes = [
  '%2e',
  '%2E',
  '%2f',
  '%2F',
  '%5c',
  '%61',
  '%7e',
  '%20',
  '%c3%a9',
  '%c0',
  '%zz',
  '%252f',
  '%00',
];

/** Request targets of pieces that normalisation treats in its several ways. */
export const oddPath: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('/', '//', '/.', '/..', '.', 'a', 'B', ';x', '?q', '#f', '\\', '*', ...escapes), {
    maxLength: 9,
  })
  .map((pieces) => `/${pieces.join('')}`);

/** Patterns and texts over so few letters that they meet, in such numbers that sets and tries are at work. */
const letters = (alphabet: readonly string[]) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 5 }).map((list) => list.join(''));
const pattern = letters(['a', 'a', 'b', 'b', '/', '.', '*']);
const rule = fc
  .record({
    hosts: fc.array(pattern, { maxLength: 9 }),
    paths: fc.array(
      pattern.map((text) => `/${text}`),
      { maxLength: 9 },
    ),
    methods: fc.array(letters(['A', 'B', '*']), { maxLength: 3 }),
    principals: fc.array(pattern, { maxLength: 9 }),
    sni: fc.array(pattern, { maxLength: 9 }),
  })
  .map(({ sni, principals, ...operation }) => ({
    from: principals.length === 0 ? [] : [{ ...emptySource, principals: principals.map((p) => `td/${p}`) }],
    to: [{ ...emptyOperation, ports: ['80'], ...operation }],
    when: sni.length === 0 ? [] : [{ key: 'connection.sni', values: sni, notValues: [] }],
  }));

export const manyPatterns: fc.Arbitrary<CompilableResource> = fc
  .record({
    action: fc.constantFrom('ALLOW', 'DENY'),
    rules: fc.array(rule, { minLength: 1, maxLength: 25 }),
  })
  .map(({ action, rules }) => ({
    kind: 'AuthorizationPolicy' as const,
    metadata: { namespace: 'shop', name: 'many' },
    spec: { action, rules },
  }));

export const requestOfLetters: fc.Arbitrary<AuthzRequest> = fc
  .record({
    host: letters(['a', 'b', 'A', '.']),
    path: letters(['a', 'b', '/']),
    method: letters(['A', 'B']),
    segments: fc.array(letters(['a', 'b', '.']), { minLength: 1, maxLength: 2 }),
    sni: letters(['a', 'b', '.']),
  })
  .map(({ host, path, method, segments, sni }) => ({
    connection: {
      tls: 'mutual' as const,
      peer: SpiffeId.tryParse(`spiffe://td/${segments.join('/')}`),
      alpn: 'istio-h2',
      sni,
      destinationPort: 80,
    },
    http: { method, path: `/${path}`, authority: host, headers: new Map() },
    tokens: [],
    destination: workloads[0] as WorkloadFacts,
  }));
