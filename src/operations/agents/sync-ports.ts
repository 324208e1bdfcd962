import type { Authority } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { NodeStore, RevocationStore } from '../ports/index.ts';
import type { Registrations } from '../registrations.ts';
import type { AgentBundle } from './agent-bundle.ts';
import type { AgentReports } from './agent-reports.ts';
import type { PolicyContent } from './sync-content.ts';

/** Bundles of other trust domains. */
export interface FederatedBundles {
  find(trustDomain: string): AgentBundle | undefined;
  watch(listener: () => void): Disposable;
}

/** What agents decide by at the node. */
export interface PolicyForAgents {
  current(): PolicyContent | undefined;
  /** An agent lacks a key of these key sets. */
  want(keySets: readonly string[]): void;
  watch(listener: () => void): Disposable;
}

export interface AgentSyncParts {
  readonly registrations: Pick<Registrations, 'current' | 'watch'>;
  readonly authority: Authority;
  readonly federated: FederatedBundles;
  readonly revocations: RevocationStore;
  readonly nodes: Pick<NodeStore, 'find' | 'watch'>;
  readonly policy: PolicyForAgents;
  readonly reports: AgentReports;
  readonly clock: Clock;
}
