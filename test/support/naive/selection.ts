/** Which policies apply to a workload, by the proxy that stands for it. */
import type { PlainMesh, PlainPolicy, PlainWorkload } from './model.ts';

interface TargetRef {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
}

export function selects(policy: PlainPolicy, workload: PlainWorkload, mesh: PlainMesh): boolean {
  const { spec } = policy;
  const refs: TargetRef[] = spec?.targetRefs ?? (spec?.targetRef === undefined ? [] : [spec.targetRef]);
  const { proxy = 'sidecar' } = workload;
  const gateway = workload.gatewayName ?? workload.labels?.['gateway.networking.k8s.io/gateway-name'];
  const isGatewayApi = proxy === 'waypoint' || (proxy === 'gateway' && gateway !== undefined);
  if (refs.length > 0) return isGatewayApi && refs.some((ref) => isTarget(ref, policy, workload, mesh));
  if (isGatewayApi && (proxy === 'waypoint' || mesh.selectorsOnGateways === false)) return false;
  const root = mesh.rootNamespace ?? 'istio-system';
  if (policy.metadata.namespace !== workload.namespace && policy.metadata.namespace !== root) return false;
  const wanted = Object.entries((spec?.selector?.matchLabels ?? {}) as Record<string, string>);
  return wanted.every(([key, value]) => workload.labels?.[key] === value);
}

function isTarget(
  { kind, name }: TargetRef,
  { metadata }: PlainPolicy,
  workload: PlainWorkload,
  mesh: PlainMesh,
): boolean {
  const gateway = workload.gatewayName ?? workload.labels?.['gateway.networking.k8s.io/gateway-name'];
  const full = `${metadata.namespace}/${name}`;
  if (kind === 'Gateway') return metadata.namespace === workload.namespace && name === gateway;
  if (workload.proxy !== 'waypoint') return false;
  if (kind === 'GatewayClass')
    return name === 'istio-waypoint' && metadata.namespace === (mesh.rootNamespace ?? 'istio-system');
  if (kind === 'Service') return workload.services?.includes(full) ?? false;
  return kind === 'ServiceEntry' && (workload.serviceEntries?.includes(full) ?? false);
}
