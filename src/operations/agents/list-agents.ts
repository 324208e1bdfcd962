import type { Clock } from '../../base/clock.ts';
import type { NodeRecord, NodeStore } from '../ports/index.ts';
import type { RegistrationView } from '../registrations.ts';
import type { AgentHolding, AgentReports } from './agent-reports.ts';

export interface ListAgentsParts {
  readonly nodes: NodeStore;
  readonly reports: Pick<AgentReports, 'find'>;
  readonly registrations: () => RegistrationView;
  readonly clock: Clock;
}

export interface AgentView {
  readonly node: NodeRecord;
  /** `expired`: attested, but its node SVID has ended, so it must attest again. */
  readonly state: NodeRecord['state'] | 'expired';
  readonly holding: AgentHolding | undefined;
  /** Identities registered under it. */
  readonly registrations: number;
}

export function listAgents(parts: ListAgentsParts): readonly AgentView[] {
  const { nodes, reports, registrations, clock } = parts;
  const now = clock.now();
  const view = registrations();
  return nodes.list().map((node) => ({
    node,
    state: node.state === 'attested' && node.notAfter <= now ? 'expired' : node.state,
    holding: reports.find(node.id),
    registrations: view.under(node.id).length,
  }));
}
