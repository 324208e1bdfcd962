import { join } from 'node:path';
import type { DecisionShipper } from '../adapters/agent-link/index.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import type { AgentBundle, NodeAgent, NodeView } from '../agent/index.ts';
import type { Tracer } from '../operations/tracing/index.ts';
import { isLoopback } from '../wire/tls/loopback.ts';
import { type CheckDoors, openCheckDoors } from './check-doors.ts';
import type { Environment } from './environment.ts';
import { appErrors } from './errors.ts';
import { NodeChecks } from './node-checks.ts';
import type { Settings } from './settings/index.ts';

export type NodeDoors = CheckDoors['addresses'] & { readonly checks: NodeChecks };

/** Deciding at the node, joined to the agent that is told what to decide by. */
export interface NodeDeciding {
  readonly checks: NodeChecks;
  follow(view: NodeView): void;
  join(node: NodeAgent, ship: DecisionShipper): void;
}

/** Undefined where the settings do not want it. */
export function nodeDeciding(
  {
    settings,
    environment,
    metrics,
  }: { readonly settings: Settings; readonly environment: Environment; readonly metrics: Metrics },
  { directory, tracer }: { readonly directory: string; readonly tracer: Tracer | undefined },
): NodeDeciding | undefined {
  const { enabled, maxStale, address, socket } = settings.agent.checks;
  if (!enabled) return undefined;
  if (socket === undefined && !isLoopback(address)) throw appErrors.AGENT_CHECKS_NOT_LOCAL();
  let node: NodeAgent | undefined;
  let send: DecisionShipper = () => Promise.reject(new Error('not joined yet'));
  const checks = new NodeChecks({
    environment,
    metrics,
    tracer,
    maxStale,
    heardFile: join(directory, 'server-heard'),
    isUp: () => node?.sync.isUp ?? false,
    ship: (...shipped) => send(...shipped),
    want: (keySet) => node?.sync.wantKeySet(keySet) ?? false,
    onInForce: (revision) => node?.sync.policyInForce(revision),
    onRefused: (problem) => node?.sync.policyInForce(checks.inForce, problem),
  });
  let bundle: AgentBundle | undefined;
  let denied: NodeView['revocations'] | undefined;
  const believe = (own: AgentBundle) => {
    const { trustDomain, roots, knownIssuersDer, crlsDer } = own;
    try {
      checks.believe({ trustDomain, rootsDer: roots.map(({ der }) => der), knownIssuersDer, crlsDer });
      bundle = own;
    } catch (error) {
      environment.logger
        .scoped('authz')
        .error('what the server says of its issuers cannot be read; the last good decides on', {
          error: String(error),
        });
    }
  };
  return {
    checks,
    follow(view) {
      const { policy, revocations } = view;
      if (revocations !== denied) {
        denied = revocations;
        checks.deny({ serials: [...revocations.deniedSerials], spiffeIds: [...revocations.deniedSpiffeIds] });
      }
      const own = view.bundles.get(view.trustDomain);
      if (own !== undefined && own !== bundle) believe(own);
      if (policy !== undefined) checks.take(policy);
    },
    join(agent, ship) {
      node = agent;
      send = ship;
    },
  };
}

/** Opens when what was kept of an earlier life is in force; closed before the agent is. */
export async function openNodeDoors(
  deciding: NodeDeciding | undefined,
  { settings, environment }: { readonly settings: Settings; readonly environment: Environment },
  stack: AsyncDisposableStack,
): Promise<NodeDoors | undefined> {
  if (deciding === undefined) return undefined;
  const { checks } = deciding;
  stack.use(checks);
  await checks.settled();
  const { address, grpcPort, httpPort, socket } = settings.agent.checks;
  const doors = await openCheckDoors({
    settings: {
      extAuthzAddress: address,
      extAuthzPort: grpcPort,
      extAuthzHttpPort: httpPort,
      extAuthzSocket: socket,
    },
    environment,
    // Loopback and Unix sockets only: nothing is served over TLS.
    serving: {
      current: () => {
        throw new TypeError('the doors of an agent have no certificate');
      },
      onChange: () => ({ [Symbol.dispose]: () => undefined }),
    },
    validatePeer: () => ({ ok: false, reason: 'malformed', detail: 'no certificates here' }),
    checks,
  });
  stack.defer(() => doors.close(drainMs));
  return { ...doors.addresses, checks };
}

const drainMs = 2_000;
