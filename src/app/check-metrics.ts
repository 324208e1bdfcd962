import type { Metrics } from '../adapters/telemetry/index.ts';
import { type DecidedCheck, isFault, type ProviderOutcome } from '../operations/check-request/index.ts';
import type { PolicyFeed, RequestKeys } from '../operations/policy-snapshot/index.ts';
import type { WorkloadFacts } from '../policy/index.ts';

type CountedLabels = Readonly<Record<string, string>>;

/** More series than any mesh has workloads and policies; what comes after them is counted under one name. */
const mostSeries = 20_000;
const others = '-';

/**
 * How many decisions of which kind. No identities and no paths in labels: workloads are what resources name, reasons a
 * closed list. Counted here and told at a scrape: a check waits for it, and the registry's own counters are slow.
 */
export class CheckCounts {
  readonly #metrics: Metrics;
  readonly #series = new Map<string, { readonly labels: CountedLabels; count: number }>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  count({ question, outcome, durationMs }: DecidedCheck): void {
    const { decision, request } = outcome;
    const { rule, wouldHave, reason } = decision;
    const destination = request?.destination;
    const policy = rule === undefined ? others : `${rule.policy.namespace}/${rule.policy.name}`;
    this.#add({ decision: decision.outcome, mode: 'enforce', reason, policy }, destination);
    if (wouldHave !== undefined) {
      const { outcome: would, reason: because } = wouldHave;
      this.#add({ decision: would, mode: 'shadow', reason: because, policy: others }, destination);
    }
    if (isFault(decision)) this.#metrics.add('castellan_authz_faults_total', { reason });
    this.#metrics.observe('castellan_authz_decision_duration_seconds', durationMs / 1000, {
      protocol: question.dialect,
    });
  }

  sample(): Disposable {
    return this.#metrics.sample((set) => {
      for (const { labels, count } of this.#series.values())
        set('castellan_authz_decisions_total', count, labels);
    });
  }

  #add(
    kind: {
      readonly decision: string;
      readonly mode: string;
      readonly reason: string;
      readonly policy: string;
    },
    destination: WorkloadFacts | undefined,
  ): void {
    const namespace = destination?.namespace ?? others;
    const name = destination?.name ?? destination?.serviceAccount ?? others;
    const key = `${kind.mode} ${kind.reason} ${kind.policy} ${namespace} ${name} ${kind.decision}`;
    const series = this.#series.get(key);
    if (series !== undefined) series.count++;
    else if (this.#series.size >= mostSeries && destination !== undefined) this.#add(kind, undefined);
    else {
      const place = { destination_workload: name, destination_workload_namespace: namespace };
      this.#series.set(key, { labels: { ...kind, ...place }, count: 1 });
    }
  }
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
