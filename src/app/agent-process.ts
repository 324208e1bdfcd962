import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Metrics } from '../adapters/telemetry/index.ts';
import { type NodeAgent, RefusalRing } from '../agent/index.ts';
import { agentAdminServer } from '../endpoints/agent-admin/server.ts';
import { observabilityServer } from '../endpoints/observability/server.ts';
import type { HealthCheck } from '../operations/check-health.ts';
import { serverId } from '../spiffe/index.ts';
import { listenOnSocket } from './admin-socket.ts';
import { type RunningAgent, startAgent } from './agent.ts';
import { evidenceOf } from './agent-evidence.ts';
import { keepFiles } from './agent-files.ts';
import { firstRoots } from './agent-trust.ts';
import { hostPort } from './endpoints-file.ts';
import type { Environment } from './environment.ts';
import { portOf } from './http-listener.ts';
import { buildInfo, type LoadedSettings, type Settings } from './settings/index.ts';

/** Where the doors of an agent are. */
export interface AgentEndpoints {
  readonly workloadApi: string;
  readonly adminSocket: string;
  readonly observability: string;
  /** Of its doors for proxies, where it has some. */
  readonly extAuthz?: string;
  readonly extAuthzHttp?: string;
}

export interface AgentProcess extends AsyncDisposable {
  readonly agent: RunningAgent;
  readonly endpoints: AgentEndpoints;
  readonly notices: readonly string[];
  close(): Promise<void>;
}

const drainMs = 5_000;

/** `castellan agent`: the node agent with probes, metrics and a socket for `castellan explain`. */
export async function startAgentProcess(options: {
  readonly loaded: LoadedSettings;
  readonly environment: Environment;
}): Promise<AgentProcess> {
  await using opening = new AsyncDisposableStack();
  const { loaded, environment } = options;
  const { settings } = loaded;
  const { clock } = environment;
  const refusals = new RefusalRing();
  const metrics = new Metrics({ version: buildInfo().version, component: 'agent' });
  const address = { target: settings.agent.server, serverId: serverId(settings.trustDomain) };
  const file = join(settings.stateDir, 'agent', 'endpoints.json');
  rmSync(file, { force: true });
  const agent = await startAgent({
    settings,
    environment,
    metrics,
    target: address.target,
    firstRoots: () => firstRoots(settings, address, clock.now()),
    evidence: evidenceOf(settings),
    noteRefusal: (refusal) => refusals.note(refusal),
  });
  opening.defer(() => agent.close(drainMs));
  opening.use(await keepFiles(agent.node, settings.agent, environment));
  const endpoints = await openDoors(agent, { settings, environment, metrics, refusals }, opening);
  writeEndpoints(file, endpoints);
  opening.defer(() => rmSync(file, { force: true }));
  const stack = opening.move();
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= stack.disposeAsync());
  return { agent, endpoints, notices: loaded.notices, close, [Symbol.asyncDispose]: close };
}

interface DoorParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly refusals: RefusalRing;
}

async function openDoors(
  agent: RunningAgent,
  { settings, environment, metrics, refusals }: DoorParts,
  stack: AsyncDisposableStack,
): Promise<AgentEndpoints> {
  const { clock, random, logger } = environment;
  const { version, node } = buildInfo();
  const http = { logger: logger.scoped('observability'), clock, random };
  const observability = await observabilityServer({
    http,
    metrics,
    readiness: agentReadiness(agent.node, () => clock.now()),
    liveness: [{ name: 'process', check: () => ({ ok: true }) }],
    version: { version, node },
  });
  stack.defer(() => observability.close());
  const { observabilityAddress: host, observabilityPort: port } = settings.agent;
  await observability.listen({ host, port });
  const admin = await agentAdminServer({
    http: { ...http, logger: logger.scoped('admin') },
    refusals,
    status: () => statusOf(agent.node),
  });
  stack.defer(() => admin.close());
  const adminSocket = join(agent.directory, 'run', 'admin.sock');
  await listenOnSocket(admin, adminSocket);
  return {
    workloadApi: `unix:${agent.socket.path}`,
    adminSocket: `unix:${adminSocket}`,
    observability: hostPort(host, portOf(observability)),
    ...(agent.checks === undefined
      ? {}
      : { extAuthz: agent.checks.extAuthz, extAuthzHttp: agent.checks.extAuthzHttp }),
  };
}

/** Ready: whoever is registered can be served, or would be if the server answered. */
export function agentReadiness({ identity, sync, alarms }: NodeAgent, now: () => number): HealthCheck[] {
  return [
    {
      name: 'server-heard',
      check: () =>
        sync.view === undefined ? { ok: false, reason: 'the server has not been heard yet' } : { ok: true },
    },
    {
      name: 'node-certificate',
      check: () =>
        now() < identity.notAfter
          ? { ok: true }
          : { ok: false, reason: 'the certificate of the node has ended' },
    },
    {
      name: 'workload-socket',
      check: () => {
        const trouble = alarms.list().find(({ code }) => code === 'workload_socket');
        return trouble === undefined ? { ok: true } : { ok: false, reason: trouble.message };
      },
    },
  ];
}

function statusOf({ identity, sync, keeper, workloads, alarms }: NodeAgent) {
  return {
    agentId: identity.identity?.agentId ?? '',
    nodeNotAfter: identity.notAfter,
    connected: sync.isUp,
    revision: sync.view?.revision ?? '',
    streams: workloads.subscriptions,
    bundles: [...(sync.view?.bundles.values() ?? [])],
    svids: keeper.held().map(({ spiffeId, ...svid }) => ({ ...svid, spiffeId: spiffeId.uri })),
    alarms: alarms.list(),
  };
}

function writeEndpoints(file: string, endpoints: AgentEndpoints): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}
