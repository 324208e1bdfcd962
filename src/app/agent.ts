import { join } from 'node:path';
import {
  attestation,
  decisionShipper,
  type NodeEvidence,
  ServerChannel,
  serverLink,
} from '../adapters/agent-link/index.ts';
import { openAgentDirectory } from '../adapters/key-store/index.ts';
import { systemKeys } from '../adapters/system/keys.ts';
import type { Metrics } from '../adapters/telemetry/index.ts';
import { unixAttestor } from '../adapters/unix-attestor/index.ts';
import { NodeAgent, type NodeView, UserShares, type WorkloadRefusal } from '../agent/index.ts';
import type { SecretWords } from '../endpoints/sds/index.ts';
import { HealthBoard } from '../operations/health-board.ts';
import { serverId } from '../spiffe/index.ts';
import { meterOf, sampleAgent } from './agent-metrics.ts';
import type { Environment } from './environment.ts';
import type { NodeDeciding, NodeDoors } from './node-deciding.ts';
import { buildInfo, type Settings } from './settings/index.ts';
import { openTraces, watchOf } from './traces.ts';
import { openWorkloadSocket, type WorkloadSocket, type WorkloadSocketParts } from './workload-socket.ts';

export interface AgentOptions {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly metrics: Metrics;
  /** The CSR door of the server, `host:port`. */
  readonly target: string;
  /** The roots of the first hour; asked for only when there is nothing newer on disk. */
  readonly firstRoots: () => Promise<readonly Uint8Array[]>;
  readonly evidence: NodeEvidence | undefined;
  readonly noteRefusal: (refusal: WorkloadRefusal) => void;
  readonly onView?: (view: NodeView) => void;
  /** For tests of limits. */
  readonly socketLimits?: Pick<WorkloadSocketParts, 'limits' | 'stallMs'>;
}

export interface RunningAgent extends AsyncDisposable {
  readonly directory: string;
  readonly node: NodeAgent;
  readonly socket: WorkloadSocket;
  /** Where it answers proxies; undefined when it does not. */
  readonly checks: NodeDoors | undefined;
  close(graceMs?: number): Promise<void>;
}

const workloadService = 'SpiffeWorkloadAPI';

/** The node agent with its socket open: joined, or on what it kept from an earlier life. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  await using opening = new AsyncDisposableStack();
  const { settings, environment } = options;
  const directory = join(settings.stateDir, 'agent');
  // Deciding brings the whole policy engine: an agent that does not, does not load it.
  const doors = settings.agent.checks.enabled ? await import('./node-deciding.ts') : undefined;
  const tracer = await openTraces(environment, opening);
  const deciding = doors?.nodeDeciding(options, { directory, tracer });
  const node = await openNode(options, { directory, deciding }, opening);
  const health = new HealthBoard(['', workloadService]);
  const socket = await openWorkloadSocket({
    path: workloadSocketPath(settings),
    environment,
    access: node.access,
    alarms: node.alarms,
    health,
    onLimit: (limit) => options.metrics.limitHit(limit),
    connectionShares: new UserShares({
      most: settings.agent.maxStreamsPerUser,
      onLimit: () => options.metrics.limitHit('workload_connections_of_user'),
    }),
    sds: {
      words: wordsOf(settings),
      repushMs: settings.agent.sds.repushInterval,
      nacked: () => meterOf(options.metrics).nack(),
      spans: watchOf(tracer, environment),
    },
    ...options.socketLimits,
  });
  let graceMs = 0;
  opening.defer(() => socket.close(graceMs));
  await node.start();
  const checks = await doors?.openNodeDoors(deciding, { settings, environment }, opening);
  health.setAll(true);
  sampleAgent(options.metrics, node);
  const stack = opening.move();
  let closing: Promise<void> | undefined;
  const close = (grace = 0) => {
    graceMs = grace;
    health.setAll(false);
    closing ??= node.sync.saved().then(() => stack.disposeAsync());
    return closing;
  };
  return { directory, node, socket, checks, close, [Symbol.asyncDispose]: () => close() };
}

export function workloadSocketPath({ agent, stateDir }: Settings): string {
  return agent.socket ?? join(stateDir, 'workload', 'api.sock');
}

function wordsOf({ agent: { sds } }: Settings): SecretWords {
  return {
    defaultCertificate: sds.defaultCertificateName,
    ownRoots: sds.defaultBundleName,
    allBundles: sds.allBundlesName,
  };
}

/** What works without a door. */
async function openNode(
  options: AgentOptions,
  { directory, deciding }: { readonly directory: string; readonly deciding: NodeDeciding | undefined },
  stack: AsyncDisposableStack,
): Promise<NodeAgent> {
  const { settings, environment, target, metrics, evidence } = options;
  const { clock, random } = environment;
  const { agent } = settings;
  const { version } = buildInfo();
  const store = await openAgentDirectory(directory);
  const channel = stack.use(new ServerChannel({ target, serverId: serverId(settings.trustDomain) }, clock));
  const node = stack.use(
    new NodeAgent({
      clock,
      random,
      logger: environment.logger.scoped('agent'),
      keys: systemKeys,
      link: serverLink(channel, version),
      store,
      attestation: evidence === undefined ? undefined : attestation(channel, evidence, version),
      attestors: [unixAttestor({ digests: agent.digests })],
      meter: meterOf(metrics),
      noteRefusal(refusal) {
        metrics.add('castellan_agent_refusals_total', { code: refusal.code });
        options.noteRefusal(refusal);
      },
      firstRoots: options.firstRoots,
      wantsPolicy: deciding !== undefined,
      onView(view) {
        deciding?.follow(view);
        options.onView?.(view);
      },
      limits: {
        maxConcurrentRequests: agent.maxConcurrentRequests,
        maxStreams: agent.maxStreams,
        maxStreamsPerUser: agent.maxStreamsPerUser,
        patienceMs: agent.patience,
      },
    }),
  );
  deciding?.join(node, decisionShipper(channel));
  return node;
}
