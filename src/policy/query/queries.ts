import type { CompiledPolicy } from '../compile/authorization.ts';
import { compareText } from '../compile/budget.ts';
import type { PolicyRef, Stage } from '../decision.ts';
import type { EffectivePeerAuthentication, RequestRuleRef } from '../explanation.ts';
import { foldAscii } from '../match/text-patterns.ts';
import type { WorkloadFacts } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { PolicyAction } from '../source.ts';
import { viewOf } from '../workload-view.ts';
import { describeAtPort } from './effective-mtls.ts';

/** Effective mTLS of a workload, or of one of its ports, and which policy set it. */
export function effectivePeerAuthentication(
  snapshot: PolicySnapshot,
  workload: WorkloadFacts,
  port?: number,
): EffectivePeerAuthentication {
  return describeAtPort(viewOf(snapshot, workload).mtls, port, workload.proxy === 'gateway');
}

/** The same for every port that has a mode of its own or a declared protocol, then for all others. */
export function effectivePeerAuthentications(
  snapshot: PolicySnapshot,
  workload: WorkloadFacts,
): readonly EffectivePeerAuthentication[] {
  const { mtls } = viewOf(snapshot, workload);
  const ports = new Set([...mtls.ports.keys(), ...(workload.ports?.keys() ?? [])]);
  const listed = [...ports].sort((a, b) => a - b);
  return [...listed, undefined].map((port) => effectivePeerAuthentication(snapshot, workload, port));
}

/** A policy that has a say about a workload, and where in the evaluation. */
export interface AppliedPolicy {
  readonly policy: PolicyRef;
  readonly stage: Stage;
  readonly action?: PolicyAction | undefined;
  readonly dryRun: boolean;
  readonly provider?: string | undefined;
  /** Rules of it; for a RequestAuthentication its `jwtRules`. */
  readonly rules: number;
}

/** Every policy that selects a workload, in the order in which they are evaluated. */
export function policiesFor(snapshot: PolicySnapshot, workload: WorkloadFacts): readonly AppliedPolicy[] {
  const view = viewOf(snapshot, workload);
  const peers = [view.mtls.setBy, view.mtls.portsSetBy].filter((ref) => ref !== undefined);
  const groups = view.groups.flatMap((group) => group.policies);
  const layer = (action: PolicyAction, stage: Stage) =>
    groups
      .filter((policy) => policy.action === action)
      .sort((a, b) => compareText(a.idPrefix, b.idPrefix))
      .map((policy) => describePolicy(policy, stage));
  return [
    ...[...new Set(peers)].map((policy) => ({
      policy,
      stage: 'peer_authentication' as const,
      dryRun: false,
      rules: 1,
    })),
    ...layer('CUSTOM', 'custom'),
    ...describeTokenRules(view.tokenRules.map(({ ref }) => ref)),
    ...layer('AUDIT', 'deny'),
    ...layer('DENY', 'deny'),
    ...layer('ALLOW', 'allow'),
  ];
}

function describePolicy(policy: CompiledPolicy, stage: Stage): AppliedPolicy {
  const { ref, action, dryRun, provider, rules } = policy;
  return { policy: ref, stage, action, dryRun, provider, rules: rules.length };
}

function describeTokenRules(rules: readonly RequestRuleRef[]): readonly AppliedPolicy[] {
  const counts = new Map<PolicyRef, number>();
  for (const { policy } of rules) counts.set(policy, (counts.get(policy) ?? 0) + 1);
  return [...counts].map(([policy, count]) => ({
    policy,
    stage: 'request_authentication',
    dryRun: false,
    rules: count,
  }));
}

/** The `jwtRules` in force for a workload, in the order in which they are tried: what a key fetcher has to fetch. */
export function requestRulesFor(
  snapshot: PolicySnapshot,
  workload: WorkloadFacts,
): readonly RequestRuleRef[] {
  return viewOf(snapshot, workload).tokenRules.map(({ ref }) => ref);
}

/** Every `jwtRules` entry of the snapshot. */
export function requestRules(snapshot: PolicySnapshot): readonly RequestRuleRef[] {
  return snapshot.internals.tokenRules.map(({ ref }) => ref);
}

export interface ServiceNames {
  /** The SPIFFE IDs that may serve the host; empty means that any certificate of the mesh is accepted (Istio). */
  readonly identities: readonly string[];
  readonly sources: readonly string[];
}

/**
 * Secure naming: who may serve a host, by the ServiceEntries that name it exactly, else by the most specific wildcard
 * `*.suffix`. Undefined when no ServiceEntry knows the host.
 */
export function identitiesFor(snapshot: PolicySnapshot, host: string): ServiceNames | undefined {
  const { services } = snapshot.internals;
  const folded = foldAscii(host);
  const exact = services.get(folded);
  if (exact !== undefined) return exact;
  for (let dot = folded.indexOf('.'); dot !== -1; dot = folded.indexOf('.', dot + 1)) {
    const wildcard = services.get(`*${folded.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return undefined;
}
