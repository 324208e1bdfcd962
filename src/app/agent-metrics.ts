import type { Metrics } from '../adapters/telemetry/index.ts';
import type { AgentMeter, NodeAgent } from '../agent/index.ts';

export function meterOf(metrics: Metrics): AgentMeter {
  return {
    renewal: (result) => metrics.add('castellan_agent_renewals_total', { result }),
    limitHit: (limit) => metrics.limitHit(limit),
    nack: () => metrics.add('castellan_agent_sds_nacks_total'),
  };
}

/** Gauges that are true at the moment of a scrape. */
export function sampleAgent(
  metrics: Metrics,
  { alarms, identity, sync, keeper, workloads }: NodeAgent,
): void {
  metrics.sample((set) => {
    const held = keeper.held();
    set('castellan_agent_svids', held.length, { state: 'held' });
    set('castellan_agent_svids', keeper.size - held.length, { state: 'missing' });
    set('castellan_agent_streams', workloads.subscriptions);
    set('castellan_agent_server_connected', sync.isUp ? 1 : 0);
    set('castellan_agent_node_not_after_timestamp_seconds', identity.notAfter / 1000);
    if (held.length > 0) {
      const first = held.reduce((a, b) => (b.notAfter < a.notAfter ? b : a));
      set('castellan_agent_earliest_not_after_timestamp_seconds', first.notAfter / 1000);
    }
    const counts = new Map<string, number>();
    for (const { code } of alarms.list()) counts.set(code, (counts.get(code) ?? 0) + 1);
    for (const [code, count] of counts) set('castellan_agent_alarms', count, { code });
    for (const { trustDomain, sequence } of sync.view?.bundles.values() ?? [])
      set('castellan_agent_bundle_sequence', Number(sequence), { trust_domain: trustDomain });
  });
}
