import type { Metrics } from '../adapters/telemetry/index.ts';
import type { Evidence } from '../identity/index.ts';
import {
  type AgentCaller,
  AgentReports,
  AgentSync,
  type AttestedNode,
  type AttestNodeRequest,
  attestNode,
  authenticateAgent,
  type MintedJwtSvid,
  type MintJwtSvidRequest,
  mintJwtSvid,
  type PolicyForAgents,
  type RenewNodeRequest,
  renewNode,
  type ShippedByNode,
  TrustBundles,
} from '../operations/agents/index.ts';
import { takeShippedDecisions } from '../operations/decisions/index.ts';
import { RateLimiter } from '../operations/limits/rate-limiter.ts';
import type { RegistrationView } from '../operations/registrations.ts';
import { type TrafficCounter, takeShippedTraffic } from '../operations/traffic/index.ts';
import type { Environment } from './environment.ts';
import type { Issuing } from './issuing.ts';
import { keyPolicyOf } from './key-policy.ts';
import { nodeAttestors } from './node-attestors.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface Agents {
  readonly attest: (request: AttestNodeRequest) => Promise<AttestedNode>;
  readonly authenticate: (evidence: Evidence, signal: AbortSignal) => Promise<AgentCaller>;
  readonly renew: (agent: AgentCaller, request: RenewNodeRequest) => Promise<readonly Uint8Array[]>;
  readonly mint: (agent: AgentCaller, request: MintJwtSvidRequest) => Promise<MintedJwtSvid>;
  readonly takeDecisions: (agent: AgentCaller, shipped: ShippedByNode) => void;
  readonly sync: AgentSync;
  readonly reports: AgentReports;
  readonly registrations: () => RegistrationView;
}

export interface AgentsParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly issuing: Issuing;
  readonly metrics: Metrics;
  readonly policy: PolicyForAgents;
  /** Counts what agents counted. */
  readonly traffic: Pick<TrafficCounter, 'add'>;
  readonly stack: AsyncDisposableStack;
}

/** The verbs that serve agents, joined to what is open. */
export async function openAgents(parts: AgentsParts): Promise<Agents> {
  const { settings, environment, state, issuing, metrics } = parts;
  const { clock, logger } = environment;
  const { store, authority, clockGuard } = state;
  const { trustDomain, limits } = settings;
  const signing = {
    authority,
    clock,
    clockGuard,
    spans: issuing.spans,
    nodes: store.nodes,
    keyPolicy: keyPolicyOf(settings),
    nodeTtlSeconds: Math.floor(settings.agents.nodeTtl / 1000),
  };
  const perSource = { perSecond: limits.perSourcePerSecond, burst: limits.perSourceBurst };
  const perAgent = { perSecond: limits.perIdentityPerSecond, burst: limits.perIdentityBurst };
  const attestation = {
    ...signing,
    attestors: nodeAttestors(parts),
    sources: new RateLimiter(perSource, clock),
    refusals: store.refusals,
    logger: logger.scoped('agents'),
    metrics: {
      attested: (method: string, result: string) =>
        metrics.add('castellan_agent_attestations_total', { method, result }),
    },
  };
  const renewal = { ...signing, agents: new RateLimiter(perAgent, clock) };
  const minting = {
    authority,
    registrations: () => issuing.registrations.current(),
    revocations: store.revocations,
    audit: store.audit,
    refusals: store.refusals,
    clock,
    clockGuard,
    agents: new RateLimiter(perAgent, clock),
    limitHit: () => metrics.limitHit('agent_jwt_rate'),
  };
  const { sync, reports } = await openSync(parts);
  sampleAgents(metrics, state, reports);
  const gate = { trustDomain, certificates: issuing.certificates };
  return {
    attest: (request) => attestNode(attestation, request),
    authenticate: (evidence, signal) => authenticateAgent(gate, evidence, signal),
    renew: (agent, request) => renewNode(renewal, agent, request),
    mint: (agent, request) => mintJwtSvid(minting, agent, request),
    takeDecisions(agent, { records, dropped, traffic }) {
      const id = agent.id.uri;
      takeShippedTraffic(parts.traffic, id, { rows: traffic, now: clock.now() });
      takeShippedDecisions(store.decisions, id, records);
      if (dropped > 0) metrics.add('castellan_agent_decisions_dropped_total', {}, dropped);
      reports.noteDropped(id, dropped);
    },
    sync,
    reports,
    registrations: minting.registrations,
  };
}

async function openSync(parts: AgentsParts): Promise<Pick<Agents, 'sync' | 'reports'>> {
  const { settings, environment, state, issuing, policy, stack } = parts;
  const { clock } = environment;
  const { store, authority } = state;
  const logger = environment.logger.scoped('agents');
  const reports = new AgentReports({ nodes: store.nodes, clock, logger });
  stack.defer(async () => {
    await reports.flush();
    reports[Symbol.dispose]();
  });
  const { trustDomain } = settings;
  const federated = stack.use(await TrustBundles.open({ resources: store.resources, trustDomain, logger }));
  const sync = stack.use(
    new AgentSync({
      registrations: issuing.registrations,
      authority,
      federated,
      revocations: store.revocations,
      nodes: store.nodes,
      policy,
      reports,
      clock,
    }),
  );
  return { sync, reports };
}

function sampleAgents(metrics: Metrics, { store }: State, reports: AgentReports): void {
  metrics.sample((set) => {
    set('castellan_agents_connected', reports.connected());
    const nodes = store.nodes.list();
    for (const state of ['attested', 'evicted', 'banned'] as const)
      set('castellan_agents', nodes.filter((node) => node.state === state).length, { state });
  });
}
