import type { Metrics } from '../adapters/telemetry/index.ts';
import { type DecidedCheck, isFault, type ProviderOutcome } from '../operations/check-request/index.ts';
import type { PolicyFeed, RequestKeys } from '../operations/policy-snapshot/index.ts';

/** No identities and no paths in labels: workloads are what resources name, reasons a closed list. */
export function countChecks(metrics: Metrics, { question, outcome, durationMs }: DecidedCheck): void {
  const { decision, request } = outcome;
  const { rule, wouldHave, reason } = decision;
  const workload = {
    destination_workload: request?.destination.name ?? request?.destination.serviceAccount ?? '-',
    destination_workload_namespace: request?.destination.namespace ?? '-',
  };
  const policy = rule === undefined ? '-' : `${rule.policy.namespace}/${rule.policy.name}`;
  metrics.add('castellan_authz_decisions_total', {
    decision: decision.outcome,
    mode: 'enforce',
    reason,
    policy,
    ...workload,
  });
  if (wouldHave !== undefined)
    metrics.add('castellan_authz_decisions_total', {
      decision: wouldHave.outcome,
      mode: 'shadow',
      reason: wouldHave.reason,
      policy: '-',
      ...workload,
    });
  if (isFault(decision)) metrics.add('castellan_authz_faults_total', { reason });
  metrics.observe('castellan_authz_decision_duration_seconds', durationMs / 1000, {
    protocol: question.dialect,
  });
}

/** Providers are what MeshConfig names. */
export function countCustom(
  metrics: Metrics,
  asked: { readonly provider: string; readonly outcome: ProviderOutcome; readonly durationMs: number },
): void {
  const { provider, outcome, durationMs } = asked;
  metrics.add('castellan_authz_custom_requests_total', { provider, outcome });
  if (outcome !== 'refused')
    metrics.observe('castellan_authz_custom_duration_seconds', durationMs / 1000, { provider });
}

export function sampleChecks(metrics: Metrics, feed: PolicyFeed, keys: RequestKeys): Disposable {
  return metrics.sample((set) => {
    const { storeRevision, failures, activations, compileMs } = feed.status();
    const policy = feed.current();
    set('castellan_policy_generation', Number(storeRevision ?? -1n));
    set('castellan_policy_reload_failed_total', failures);
    set('castellan_policy_reloads_total', activations);
    set('castellan_policy_compile_seconds', (compileMs ?? 0) / 1000);
    const byKind = new Map<string, number>();
    for (const { kind } of policy?.resources ?? []) byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
    for (const [kind, count] of byKind) set('castellan_policy_objects', count, { kind, state: 'accepted' });
    const { hits, misses, evictions, size } = keys.cacheStats;
    set('castellan_authz_token_cache_entries', size);
    set('castellan_authz_token_cache_hits_total', hits);
    set('castellan_authz_token_cache_misses_total', misses);
    set('castellan_authz_token_cache_evictions_total', evictions);
  });
}
