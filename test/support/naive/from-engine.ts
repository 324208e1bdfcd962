/** What the engine is given, in the naive evaluator's own form: for putting random policies and requests to both. */
import type {
  AuthzRequest,
  CompilableResource,
  EngineSettings,
  TokenResult,
  WorkloadFacts,
} from '../../../src/policy/index.ts';
import type {
  PlainConnection,
  PlainMesh,
  PlainPolicy,
  PlainRequest,
  PlainToken,
  PlainWorkload,
} from './model.ts';

type Lists = Readonly<Record<string, readonly string[]>>;

/** Without the fields that are not written. */
const written = (lists: object) =>
  Object.fromEntries(Object.entries(lists as Lists).filter(([, values]) => values.length > 0));

export function policyFromEngine(resource: CompilableResource): PlainPolicy {
  const { kind, metadata } = resource;
  const { createdAt, annotations } = metadata;
  return {
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      annotations: Object.fromEntries(annotations ?? []),
      ...(createdAt === undefined ? {} : { creationTimestamp: new Date(createdAt).toISOString() }),
    },
    spec: specFromEngine(resource),
  };
}

function specFromEngine(resource: CompilableResource): unknown {
  const selector = (labels: ReadonlyMap<string, string> | undefined) =>
    labels === undefined ? {} : { selector: { matchLabels: Object.fromEntries(labels) } };
  switch (resource.kind) {
    case 'AuthorizationPolicy': {
      const { action, provider, rules, targetRefs } = resource.spec;
      return {
        action,
        ...selector(resource.spec.selector?.matchLabels),
        ...(targetRefs === undefined ? {} : { targetRefs }),
        ...(provider === undefined ? {} : { provider: { name: provider } }),
        rules: rules.map(({ from, to, when }) => ({
          from: from.map((source) => ({ source: written(source) })),
          to: to.map((operation) => ({ operation: written(operation) })),
          when: when.map(({ key, values, notValues }) => ({ key, values, notValues })),
        })),
      };
    }
    case 'PeerAuthentication': {
      const { mode, portModes = new Map() } = resource.spec;
      const ports = [...portModes].map(([port, at]) => [String(port), { mode: at }] as const);
      return {
        ...selector(resource.spec.selector?.matchLabels),
        mtls: { mode },
        portLevelMtls: Object.fromEntries(ports),
      };
    }
    case 'RequestAuthentication': {
      const { jwtRules, targetRefs } = resource.spec;
      return {
        ...selector(resource.spec.selector?.matchLabels),
        ...(targetRefs === undefined ? {} : { targetRefs }),
        jwtRules,
      };
    }
    default:
      return {};
  }
}

export function meshFromEngine(settings: EngineSettings): PlainMesh {
  const { mesh = {}, ...flags } = settings;
  return {
    ...(flags as PlainMesh),
    trustDomain: mesh.trustDomain ?? 'cluster.local',
    trustDomainAliases: mesh.trustDomainAliases ?? [],
    caCertificates: [{ trustDomains: mesh.caTrustDomains ?? [] }],
    rootNamespace: mesh.rootNamespace ?? 'istio-system',
    pathNormalization: { normalization: mesh.pathNormalization ?? 'DEFAULT' },
    extensionProviders: (mesh.extensionProviders ?? []).map(({ name, protocol, failOpen }) =>
      protocol === 'http'
        ? { name, envoyExtAuthzHttp: { failOpen } }
        : { name, envoyExtAuthzGrpc: { failOpen } },
    ),
  };
}

export function workloadFromEngine(workload: WorkloadFacts): PlainWorkload {
  const of = (registry: string) =>
    (workload.services ?? [])
      .filter((service) => service.registry === registry)
      .map(({ namespace, name }) => `${namespace}/${name}`);
  return {
    name: workload.name ?? '',
    namespace: workload.namespace,
    labels: Object.fromEntries(workload.labels),
    ports: Object.fromEntries(
      [...(workload.ports ?? [])].map(([port, kind]) => [String(port), kind.toUpperCase()]),
    ) as NonNullable<PlainWorkload['ports']>,
    proxy: workload.proxy ?? 'sidecar',
    ...(workload.gatewayName === undefined ? {} : { gatewayName: workload.gatewayName }),
    services: of('kubernetes'),
    serviceEntries: of('external'),
  };
}

const alpns: Readonly<Record<string, PlainConnection['alpn']>> = {
  'istio-h2': 'mesh-http',
  'istio-http/1.0': 'mesh-http',
  'istio-http/1.1': 'mesh-http',
  istio: 'mesh-tcp',
  'istio-peer-exchange': 'mesh-tcp',
};

export function requestFromEngine(request: AuthzRequest): PlainRequest {
  const { connection, http, tokens = [], custom = new Map(), dynamicMetadata = new Map() } = request;
  const { tls, peer, peerProblem, alpn, sni, sourceIp, remoteIp, destinationIp } = connection;
  const text = (name: string, value: string | undefined) => (value === undefined ? {} : { [name]: value });
  const isGood = tls === 'mutual' && peerProblem === undefined && peer !== undefined;
  return {
    tls,
    alpn: alpn === undefined ? 'untold' : (alpns[alpn] ?? 'foreign'),
    certificate: isGood ? 'good' : tls === 'mutual' && peerProblem !== undefined ? 'bad' : 'none',
    port: connection.destinationPort,
    ...text('from', peer?.uri),
    ...text('sni', sni === '' ? undefined : sni),
    ...text('sourceIp', sourceIp?.text),
    ...text('remoteIp', remoteIp?.text),
    ...text('destinationIp', destinationIp?.text),
    ...(http === undefined
      ? {}
      : {
          http: {
            method: http.method,
            path: http.path,
            host: http.authority ?? '',
            ...(http.scheme === undefined ? {} : { scheme: http.scheme }),
            headers: Object.fromEntries(http.headers),
          },
        }),
    tokens: tokens.map(tokenFromEngine),
    metadata: Object.fromEntries(dynamicMetadata),
    custom: Object.fromEntries([...custom].map(([name, { outcome }]) => [name, outcome])),
  };
}

const problems: Readonly<Record<string, PlainToken['problem']>> = {
  'no-matching-key': 'no-key',
  'keys-unavailable': 'jwks-unavailable',
};

function tokenFromEngine(token: TokenResult): PlainToken {
  const { place } = token;
  const at =
    place.in === 'header'
      ? { header: place.name, prefix: place.prefix ?? 'Bearer ' }
      : { [place.in]: place.name };
  if (token.ok) return { in: at, claims: token.claims };
  return {
    in: at,
    claims: {},
    problem: (problems[token.fault] ?? token.fault) as NonNullable<PlainToken['problem']>,
  };
}
