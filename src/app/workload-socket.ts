import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { socketPeer } from '../adapters/unix-attestor/index.ts';
import type { AgentAlarms, UserShares } from '../agent/index.ts';
import type { Logger } from '../base/logger.ts';
import { healthDoor } from '../endpoints/health/health-door.ts';
import { reflectionDoors } from '../endpoints/reflection/reflection-door.ts';
import { type Nack, type SdsParts, sdsDoor } from '../endpoints/sds/index.ts';
import { type WorkloadApiParts, workloadApiDoor } from '../endpoints/workload-api/index.ts';
import type { HealthBoard } from '../operations/health-board.ts';
import { SecretDiscoveryService } from '../wire/gen/envoy/service/secret/v3/sds_pb.js';
import { Health } from '../wire/gen/grpc/health/v1/health_pb.js';
import { SpiffeWorkloadAPI } from '../wire/gen/spiffe/workload/workloadapi_pb.js';
import { type ConnectionFacts, ConnectionTable } from '../wire/grpc/connections.ts';
import type { GrpcLimits } from '../wire/grpc/limits.ts';
import type { PushOptions } from '../wire/grpc/push-stream.ts';
import { type GrpcDoor, grpcServer } from '../wire/grpc/server.ts';
import { guardDirectory } from '../wire/tls/guarded-directory.ts';
import { keepUnixSocket } from '../wire/tls/kept-socket.ts';
import type { Environment } from './environment.ts';

export interface WorkloadSocketParts {
  readonly path: string;
  readonly environment: Environment;
  readonly access: WorkloadApiParts['access'];
  readonly alarms: AgentAlarms;
  readonly health: HealthBoard;
  readonly onLimit: (limit: string) => void;
  /** Connections of each user. */
  readonly connectionShares: UserShares;
  readonly sds: Pick<SdsParts, 'words' | 'repushMs' | 'spans'> & { readonly nacked: () => void };
  /** For tests of limits. */
  readonly limits?: Partial<GrpcLimits>;
  readonly stallMs?: number;
}

export interface WorkloadSocket {
  readonly path: string;
  readonly connections: ConnectionTable;
  close(graceMs: number): Promise<void>;
}

/**
 * A client holds few connections and long streams. Their age has no limit that matters, for nothing about them changes
 * with time: the caller is attested anew with each call, and a removed registration ends its streams.
 */
const limitsOfSocket: Partial<GrpcLimits> = {
  maxMessageBytes: 256 * 1024,
  maxConcurrentStreams: 2_000,
  maxSessionMemoryMegabytes: 64,
  connectionAgeMs: 2 ** 31 - 1,
};
const maxConnections = 20_000;
const stallMs = 60_000;
const checkMs = 5_000;

/** The socket for workloads: 0666, since it is the kernel that says who calls (D26). */
export async function openWorkloadSocket(parts: WorkloadSocketParts): Promise<WorkloadSocket> {
  const { path, environment, alarms, onLimit } = parts;
  const { clock } = environment;
  const logger = environment.logger.scoped('workload');
  const connections = new ConnectionTable();
  const push = {
    clock,
    stallMs: parts.stallMs ?? stallMs,
    onStall(id: string) {
      onLimit('stalled_stream');
      logger.warn('connection closed: its client does not read', { connection: id });
      connections.close(id);
    },
  };
  const server = grpcServer({
    logger,
    limits: { ...limitsOfSocket, ...parts.limits },
    services: doorsOf(parts, { connections, push, logger }),
  });
  guardDirectory(dirname(path));
  const listener = await keepUnixSocket({
    path,
    mode: 0o666,
    maxConnections,
    logger,
    clock,
    checkMs,
    processOf: socketPeer,
    onConnection(socket, facts) {
      if (!holdsPlace(parts.connectionShares, socket, facts)) return;
      connections.add(socket, facts);
      server.inject(socket);
    },
    onTrouble(problem) {
      if (problem === undefined) alarms.lower('workload_socket', path);
      else alarms.raise('workload_socket', path, problem);
    },
  });
  return {
    path,
    connections,
    async close(graceMs) {
      listener.close();
      await server.drain(graceMs);
    },
  };
}

/** False when the user of this connection has too many: then it is closed before anything is read. */
function holdsPlace(shares: UserShares, socket: Socket, { process }: ConnectionFacts): boolean {
  try {
    const place = shares.take(process?.uid);
    socket.once('close', () => place[Symbol.dispose]());
    return true;
  } catch {
    socket.destroy();
    return false;
  }
}

interface DoorParts {
  readonly connections: ConnectionTable;
  readonly push: PushOptions;
  readonly logger: Logger;
}

/** What is spoken on the socket: the Workload API, SDS, health and reflection. */
function doorsOf(
  { access, environment: { clock, random }, sds, health }: WorkloadSocketParts,
  { connections, push, logger }: DoorParts,
): readonly GrpcDoor[] {
  const shared = { access, connections, clock, random, push };
  const onNack = ({ node, names, detail }: Nack) => {
    sds.nacked();
    logger.warn('a proxy refused secrets', { node: node.id, names, detail });
  };
  return [
    workloadApiDoor(shared),
    sdsDoor({ ...shared, words: sds.words, repushMs: sds.repushMs, spans: sds.spans, onNack }),
    healthDoor(health),
    ...reflectionDoors([SpiffeWorkloadAPI, SecretDiscoveryService, Health]),
  ];
}
