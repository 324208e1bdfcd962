import type { ProxyKind, WorkloadFacts } from '../../policy/index.ts';
import { SpiffeId, workloadAccount } from '../../spiffe/index.ts';
import type { FoundBy } from './outcome.ts';
import type { DestinationClaim } from './question.ts';
import type { KnownWorkload, WorkloadDirectory } from './workload-directory.ts';

/** The keys of `context_extensions` that an operator may write into a route. */
export const contextKeys = Object.freeze({
  /** `namespace/name`, of a WorkloadEntry or not. */
  workload: 'castellan.dev/workload',
  namespace: 'castellan.dev/namespace',
  serviceAccount: 'castellan.dev/service-account',
  /** `app=cart,version=v1` */
  labels: 'castellan.dev/labels',
  /** `sidecar`, `gateway`, `waypoint` or `ztunnel`. */
  proxy: 'castellan.dev/proxy',
  /** The Gateway that the proxy implements. */
  gateway: 'castellan.dev/gateway',
  /** The workload's own port, where the proxy listens on another. */
  port: 'castellan.dev/port',
});

export type FoundWorkload =
  | {
      readonly ok: true;
      readonly facts: WorkloadFacts;
      readonly foundBy: FoundBy;
      readonly port: number | undefined;
    }
  | { readonly ok: false; readonly detail: string };

type Way = (claim: DestinationClaim, directory: WorkloadDirectory, trustDomains: readonly string[]) => Found;
type Found = { readonly facts: WorkloadFacts } | { readonly problem: string } | undefined;

/**
 * Which workload is asked about. The ways are tried in this order, and the first that has something to go by decides,
 * even when it finds nothing: a question is never about another workload than the one it names best.
 */
const ways: readonly (readonly [FoundBy, Way])[] = [
  ['spiffe-id', bySpiffeId],
  ['context', byContext],
  ['labels', byLabels],
  ['address', byAddress],
];

export function findWorkload(
  told: DestinationClaim,
  directory: WorkloadDirectory,
  trustDomains: readonly string[],
): FoundWorkload {
  const port = told.extensions?.get(contextKeys.port);
  if (port !== undefined && !isPort(port))
    return { ok: false, detail: `context extension \`${contextKeys.port}\` is no port` };
  const claim = port === undefined ? told : { ...told, port: Number(port) };
  for (const [foundBy, way] of ways) {
    const found = way(claim, directory, trustDomains);
    if (found === undefined) continue;
    return 'problem' in found
      ? { ok: false, detail: found.problem }
      : { ok: true, foundBy, port: claim.port, ...found };
  }
  return {
    ok: false,
    detail:
      'the proxy names no workload: neither its SPIFFE ID, nor context, nor labels, and no WorkloadEntry has the address',
  };
}

function isPort(text: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535;
}

/** The proxy's own certificate names namespace and account; labels come from the proxy, else from the WorkloadEntry. */
function bySpiffeId(...[claim, directory, trustDomains]: Parameters<Way>): Found {
  const { principal = '' } = claim;
  if (!principal.startsWith('spiffe://')) return undefined;
  const id = SpiffeId.tryParse(principal);
  if (id === undefined) return { problem: 'the SPIFFE ID of the destination is malformed' };
  if (!trustDomains.includes(id.trustDomain))
    return { problem: `the destination is of trust domain \`${id.trustDomain}\`, which is not ours` };
  const account = workloadAccount(id);
  // An identity of another shape names no namespace: go on to what else is known.
  if (account === undefined) return undefined;
  const { namespace, serviceAccount } = account;
  const candidates = directory.byAccount(namespace, serviceAccount);
  const extra = readContext(claim);
  if (extra.labels === undefined && claim.labels === undefined && candidates.length > 0) {
    const chosen = chooseEntry(candidates, claim);
    return chosen === undefined
      ? { problem: `several workloads run as \`${id.uri}\`, and the address fits none or many` }
      : { facts: withProxy(chosen.facts, extra, directory) };
  }
  return {
    facts: make(directory, { namespace, serviceAccount, ...extra, labels: extra.labels ?? claim.labels }),
  };
}

function byContext(...[claim, directory]: Parameters<Way>): Found {
  const extra = readContext(claim);
  if (extra.workload !== undefined) {
    const [namespace = '', name = '', ...rest] = extra.workload.split('/');
    if (namespace === '' || name === '' || rest.length > 0)
      return { problem: `context extension \`${contextKeys.workload}\` is not namespace/name` };
    const entry = directory.byName(namespace, name);
    if (entry !== undefined && extra.labels === undefined)
      return { facts: withProxy(entry.facts, extra, directory) };
    return { facts: make(directory, { ...extra, namespace, name, labels: extra.labels ?? claim.labels }) };
  }
  if (extra.namespace === undefined) return undefined;
  return {
    facts: make(directory, { ...extra, namespace: extra.namespace, labels: extra.labels ?? claim.labels }),
  };
}

/** Labels say which workload, but not in which namespace: the WorkloadEntries that have them all must agree on it. */
function byLabels(...[{ labels }, directory]: Parameters<Way>): Found {
  if (labels === undefined || labels.size === 0) return undefined;
  const namespaces = new Map<string, WorkloadFacts>();
  for (const { facts } of directory.all())
    if ([...labels].every(([key, value]) => facts.labels.get(key) === value))
      namespaces.set(facts.namespace, facts);
  const [only, ...more] = namespaces.values();
  // Without a workload that has them, labels alone place nothing: the address may.
  if (only === undefined) return undefined;
  if (more.length > 0) return { problem: 'workloads of several namespaces have the labels of the proxy' };
  const { namespace, ports, serviceAccount } = only;
  return { facts: make(directory, { namespace, labels, ports, serviceAccount }) };
}

function byAddress(...[claim, directory]: Parameters<Way>): Found {
  const { ip } = claim;
  if (ip === undefined) return undefined;
  const candidates = directory.byAddress(ip.text);
  if (candidates.length === 0) return undefined;
  const chosen = chooseEntry(candidates, claim);
  return chosen === undefined
    ? { problem: `no WorkloadEntry, or more than one, fits ${ip.text} port ${claim.port ?? 'unknown'}` }
    : { facts: chosen.facts };
}

/** The one whose address and port fit; several that look the same to every policy are as good as one. */
function chooseEntry(
  candidates: readonly KnownWorkload[],
  claim: DestinationClaim,
): KnownWorkload | undefined {
  const here = candidates.filter(({ address }) => address !== undefined && address === claim.ip?.text);
  const placed = here.length > 0 ? here : candidates;
  const ported = placed.filter(
    ({ ports }) => ports.size === 0 || (claim.port !== undefined && ports.has(claim.port)),
  );
  const exact = ported.filter(({ ports }) => ports.size > 0);
  const fitting = exact.length > 0 ? exact : ported.length > 0 ? ported : here.length > 0 ? [] : placed;
  const [first, ...others] = fitting;
  return first !== undefined && others.every((other) => looksSame(first.facts, other.facts))
    ? first
    : undefined;
}

function looksSame(a: WorkloadFacts, b: WorkloadFacts): boolean {
  return (
    a.namespace === b.namespace &&
    a.serviceAccount === b.serviceAccount &&
    a.labels.size === b.labels.size &&
    [...a.labels].every(([key, value]) => b.labels.get(key) === value)
  );
}

interface Context {
  readonly workload?: string | undefined;
  readonly namespace?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly labels?: ReadonlyMap<string, string> | undefined;
  readonly proxy?: ProxyKind | undefined;
  readonly gatewayName?: string | undefined;
}

const nothing: Context = Object.freeze({});
const proxyKinds: ReadonlySet<string> = new Set(['sidecar', 'gateway', 'waypoint', 'ztunnel']);

function readContext({ extensions }: DestinationClaim): Context {
  if (extensions === undefined || extensions.size === 0) return nothing;
  const labels = extensions.get(contextKeys.labels);
  const proxy = extensions.get(contextKeys.proxy);
  return {
    workload: extensions.get(contextKeys.workload),
    namespace: extensions.get(contextKeys.namespace),
    serviceAccount: extensions.get(contextKeys.serviceAccount),
    labels: labels === undefined ? undefined : readLabels(labels),
    proxy: proxy !== undefined && proxyKinds.has(proxy) ? (proxy as ProxyKind) : undefined,
    gatewayName: extensions.get(contextKeys.gateway),
  };
}

function readLabels(text: string): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=');
    if (equals > 0) labels.set(pair.slice(0, equals).trim(), pair.slice(equals + 1).trim());
  }
  return labels;
}

function withProxy(facts: WorkloadFacts, extra: Context, directory: WorkloadDirectory): WorkloadFacts {
  if (extra.proxy === undefined && extra.gatewayName === undefined) return facts;
  return make(directory, { ...facts, proxy: extra.proxy, gatewayName: extra.gatewayName });
}

const noLabels: ReadonlyMap<string, string> = new Map();

interface Made {
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly serviceAccount?: string | undefined;
  readonly labels?: ReadonlyMap<string, string> | undefined;
  readonly ports?: WorkloadFacts['ports'];
  readonly proxy?: ProxyKind | undefined;
  readonly gatewayName?: string | undefined;
}

function make(directory: WorkloadDirectory, made: Made): WorkloadFacts {
  const { namespace, name, serviceAccount, ports, proxy, gatewayName } = made;
  const labels = made.labels ?? noLabels;
  const key = JSON.stringify([
    namespace,
    name,
    serviceAccount,
    proxy,
    gatewayName,
    [...labels],
    ports && [...ports],
  ]);
  return directory.remember(key, () =>
    Object.freeze({ namespace, name, serviceAccount, labels, ports, proxy, gatewayName }),
  );
}
