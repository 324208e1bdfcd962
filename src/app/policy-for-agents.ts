import type { AgentReports } from '../operations/agents/index.ts';
import type { EnforcerSource } from '../operations/enforcers.ts';
import {
  type NodeDecisionSettings,
  NodePolicy,
  storeRevisionOf,
} from '../operations/policy-content/index.ts';
import { type Checks, policySettings } from './checks.ts';
import { providerSettings } from './custom-providers.ts';
import type { Environment } from './environment.ts';
import { bindingList } from './proxy-bindings.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface PolicyForAgentsParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly checks: Checks;
  readonly stack: AsyncDisposableStack;
}

/** What agents decide by at their nodes, kept as this server has it. */
export async function openPolicyForAgents(parts: PolicyForAgentsParts): Promise<NodePolicy> {
  const { settings, environment, state, checks, stack } = parts;
  const { store } = state;
  return stack.use(
    await NodePolicy.open({
      store: store.resources,
      feed: checks.feed,
      keys: checks.keys,
      relay: checks.relay,
      settings: nodeSettings(settings),
      logger: environment.logger.scoped('agents'),
    }),
  );
}

function nodeSettings(settings: Settings): NodeDecisionSettings {
  return {
    policy: policySettings(settings),
    bindings: bindingList(settings),
    providers: [...providerSettings(settings)].map(([name, provider]) => ({ name, ...provider })),
    outboundAllow: settings.outbound.allow,
    sampleAllows: settings.decisions.sampleAllows,
  };
}

/** Connected agents that decide: each said by what. One that is away is not waited for; its own bound ends it. */
export function agentEnforcers(reports: AgentReports): EnforcerSource {
  return {
    list: () =>
      reports
        .list()
        .filter(({ isConnected, policyRevision }) => isConnected && policyRevision !== '')
        .map(({ id, policyRevision }) => ({
          name: id,
          kind: 'agent' as const,
          revision: storeRevisionOf(policyRevision),
        })),
    onChange: (listener) => reports.watch(listener),
  };
}
