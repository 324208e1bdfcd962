import type { Group } from './compile/attachment.ts';
import type { AttachmentIndex } from './compile/attachment-index.ts';
import { compareText } from './compile/budget.ts';
import { targetKey } from './compile/target.ts';
import { inIssuerOrder, type TokenRule } from './compile/tokens.ts';
import { resolveMtls } from './query/effective-mtls.ts';
import type { WorkloadFacts } from './request.ts';
import type { PolicySnapshot } from './snapshot.ts';
import type { CustomLayer, ViewInputs, WorkloadView } from './view.ts';

export function viewOf(snapshot: PolicySnapshot, workload: WorkloadFacts): WorkloadView {
  const { views } = snapshot.internals;
  let view = views.get(workload);
  if (view === undefined) {
    view = buildView(snapshot, workload);
    views.set(workload, view);
  }
  return view;
}

function buildView(snapshot: PolicySnapshot, workload: WorkloadFacts): WorkloadView {
  const { internals, settings } = snapshot;
  const groups = attached(internals.groups, snapshot, workload);
  const tokenGroups = attached(internals.tokenGroups, snapshot, workload);
  const tokenRules = inIssuerOrder(tokenGroups.flatMap((group) => group.rules));
  const sets = (layer: 'audit' | 'deny' | 'allow' | 'dryDeny' | 'dryAllow') =>
    groups.map((group) => group[layer]).filter((set) => set !== undefined);
  const custom = customLayers(groups, settings);
  return Object.freeze({
    mtls: resolveMtls(internals.peers, workload),
    groups,
    tokenRules,
    audit: sets('audit'),
    deny: sets('deny'),
    allow: sets('allow'),
    dryDeny: sets('dryDeny'),
    dryAllow: sets('dryAllow'),
    custom,
    inputs: listInputs(groups, tokenRules, custom),
  });
}

/** policy.md §3.8: what is attached to a workload, by the proxy that stands for it. */
export function attached<T extends { readonly namespace: string; readonly attachment: Group['attachment'] }>(
  index: AttachmentIndex<T>,
  { settings }: Pick<PolicySnapshot, 'settings'>,
  workload: WorkloadFacts,
): readonly T[] {
  const { namespace, labels, proxy = 'sidecar' } = workload;
  const gateway = gatewayName(workload);
  const isGatewayApi = proxy === 'waypoint' || (proxy === 'gateway' && gateway !== undefined);
  const usesSelectors = !isGatewayApi || (proxy === 'gateway' && settings.selectorsOnGateways);
  const found: T[] = [];
  if (usesSelectors) {
    found.push(...index.forLabels(namespace, labels));
    if (namespace !== settings.rootNamespace) found.push(...index.forLabels(settings.rootNamespace, labels));
  }
  if (isGatewayApi) found.push(...targeted(index, workload, settings.rootNamespace));
  return [...new Set(found)];
}

function gatewayName({ gatewayName: name, labels }: WorkloadFacts): string | undefined {
  return name ?? labels.get('gateway.networking.k8s.io/gateway-name');
}

const gatewayGroup = 'gateway.networking.k8s.io';

function targeted<T extends { readonly namespace: string; readonly attachment: Group['attachment'] }>(
  index: AttachmentIndex<T>,
  workload: WorkloadFacts,
  rootNamespace: string,
): readonly T[] {
  const gateway = gatewayName(workload);
  const targets: (readonly [namespace: string, target: string])[] = [];
  if (gateway !== undefined) targets.push([workload.namespace, targetKey(gatewayGroup, 'Gateway', gateway)]);
  if (workload.proxy === 'waypoint') {
    targets.push([rootNamespace, targetKey(gatewayGroup, 'GatewayClass', 'istio-waypoint')]);
    for (const { namespace, name, registry } of workload.services ?? [])
      targets.push([
        namespace,
        registry === 'kubernetes'
          ? targetKey('', 'Service', name)
          : targetKey('networking.istio.io', 'ServiceEntry', name),
      ]);
  }
  return targets
    .map(([namespace, target]) => index.forTarget(namespace, target))
    .filter((item) => item !== undefined);
}

/** policy.md §3.12: several providers for one workload need a switch; without it none of them can be trusted to run. */
function customLayers(
  groups: readonly Group[],
  settings: PolicySnapshot['settings'],
): readonly CustomLayer[] {
  const names = new Set(groups.flatMap((group) => [...group.custom.keys(), ...group.dryCustom.keys()]));
  const tooMany = names.size > 1 && !settings.multipleCustomProviders;
  return [...names].sort(compareText).map((name) => ({
    name,
    provider: tooMany ? undefined : settings.providers.get(name),
    isSelf: settings.selfProviders.has(name),
    sets: groups.map((group) => group.custom.get(name)).filter((set) => set !== undefined),
    drySets: groups.map((group) => group.dryCustom.get(name)).filter((set) => set !== undefined),
  }));
}

const connectionInputs: readonly string[] = Object.freeze([
  'connection.tls',
  'connection.alpn',
  'source.principal',
  'destination.port',
]);
const headInputs = ['request.method', 'request.authority', 'request.path'];
const tokenInputs = [
  'request.auth',
  'request.scheme',
  'request.headers[origin]',
  'request.headers[access-control-request-method]',
];

function listInputs(
  groups: readonly Group[],
  tokenRules: readonly TokenRule[],
  custom: readonly CustomLayer[],
): ViewInputs {
  const tcp = new Set([...connectionInputs, ...custom.map(({ name }) => `custom[${name}]`)]);
  for (const group of groups) for (const input of group.inputs) tcp.add(input);
  const http = new Set([...tcp, ...headInputs, ...(tokenRules.length > 0 ? tokenInputs : [])]);
  const isHttp = (input: string) => input.startsWith('request.');
  return Object.freeze({
    connection: connectionInputs,
    tcp: Object.freeze([...tcp].filter((input) => !isHttp(input)).sort()),
    http: Object.freeze([...http].sort()),
  });
}
