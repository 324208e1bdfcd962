import type { PeerRule, PeerRules } from '../compile/peer.ts';
import type { PolicyRef } from '../decision.ts';
import type { EffectivePeerAuthentication } from '../explanation.ts';
import type { WorkloadFacts } from '../request.ts';
import type { MtlsMode } from '../source.ts';

type Mode = Exclude<MtlsMode, 'UNSET'>;

/** HBONE is always mutual TLS (policy.md §1.2). */
export const hbonePort = 15008;

/** What PeerAuthentication comes to for one workload, ports beside. */
export interface WorkloadMtls {
  readonly mode: Mode;
  readonly setBy: PolicyRef | undefined;
  readonly level: 'default' | 'mesh' | 'namespace' | 'workload';
  readonly ports: ReadonlyMap<number, Mode>;
  readonly portsSetBy: PolicyRef | undefined;
  readonly overruled: readonly { readonly policy: PolicyRef; readonly why: string }[];
}

/**
 * policy.md §1.2: in each class the oldest whole object wins; mesh, then namespace, then workload override unless UNSET;
 * ports come from the winning workload policy only, and one that is UNSET takes the workload's mode.
 */
export function resolveMtls(rules: PeerRules, workload: WorkloadFacts): WorkloadMtls {
  const selected = (rules.workloads.get(workload.namespace) ?? []).filter((rule) =>
    rule.labels.every(([key, value]) => workload.labels.get(key) === value),
  );
  const classes = [
    { level: 'mesh', members: rules.mesh },
    { level: 'namespace', members: rules.byNamespace.get(workload.namespace) ?? [] },
    { level: 'workload', members: selected },
  ] as const;
  let mode: Mode = 'PERMISSIVE';
  let setBy: PolicyRef | undefined;
  let level: WorkloadMtls['level'] = 'default';
  const overruled: { policy: PolicyRef; why: string }[] = [];
  for (const { level: name, members } of classes) {
    const [winner, ...younger] = members;
    for (const { ref } of younger)
      overruled.push({ policy: ref, why: `an older policy of the ${name} wins` });
    if (winner === undefined || winner.mode === 'UNSET') continue;
    if (setBy !== undefined) overruled.push({ policy: setBy, why: `the ${name} overrides the ${level}` });
    [mode, setBy, level] = [winner.mode, winner.ref, name];
  }
  const ports = new Map<number, Mode>();
  for (const [port, portMode] of selected[0]?.portModes ?? [])
    ports.set(port, portMode === 'UNSET' ? mode : portMode);
  return {
    mode,
    setBy,
    level,
    ports,
    portsSetBy: selected[0]?.ref,
    overruled: [...overruled, ...ignored(rules, workload)],
  };
}

/** A workload in the root namespace cannot have a policy of its own. */
function ignored(rules: PeerRules, workload: WorkloadFacts): readonly { policy: PolicyRef; why: string }[] {
  return rules.ignored
    .filter((rule) => rule.ref.namespace === workload.namespace && selectsLabels(rule, workload))
    .map(({ ref }) => ({ policy: ref, why: 'a selector in the root namespace is ignored' }));
}

function selectsLabels(rule: PeerRule, workload: WorkloadFacts): boolean {
  return rule.labels.every(([key, value]) => workload.labels.get(key) === value);
}

export function modeAtPort(mtls: WorkloadMtls, port: number): Mode {
  return port === hbonePort ? 'STRICT' : (mtls.ports.get(port) ?? mtls.mode);
}

export function describeAtPort(
  mtls: WorkloadMtls,
  port: number | undefined,
  isGateway: boolean,
): EffectivePeerAuthentication {
  const { overruled } = mtls;
  if (isGateway) return { mode: 'DISABLE', port, level: 'none', overruled };
  if (port === hbonePort) return { mode: 'STRICT', port, level: 'hbone', overruled };
  const portMode = port === undefined ? undefined : mtls.ports.get(port);
  if (portMode !== undefined)
    return { mode: portMode, port, setBy: mtls.portsSetBy, level: 'port', overruled };
  return { mode: mtls.mode, port, setBy: mtls.setBy, level: mtls.level, overruled };
}
