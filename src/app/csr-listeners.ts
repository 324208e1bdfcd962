import type { Socket } from 'node:net';
import type { ServingCertificate } from '../authority/index.ts';
import { agentDoor } from '../endpoints/agent/agent-door.ts';
import { csrDoor } from '../endpoints/csr/csr-door.ts';
import { caServiceName, healthDoor } from '../endpoints/health/health-door.ts';
import { reflectionDoors } from '../endpoints/reflection/reflection-door.ts';
import { HealthBoard } from '../operations/health-board.ts';
import type { IssueSvid } from '../operations/issue-svid/index.ts';
import { wireErrors } from '../wire/errors.ts';
import { AgentService } from '../wire/gen/castellan/agent/v1/agent_pb.js';
import { Health } from '../wire/gen/grpc/health/v1/health_pb.js';
import { IstioCertificateService } from '../wire/gen/istio/v1/auth/ca_pb.js';
import { type ConnectionFacts, ConnectionTable } from '../wire/grpc/connections.ts';
import type { GrpcLimits } from '../wire/grpc/limits.ts';
import { grpcServer } from '../wire/grpc/server.ts';
import { listenTls, type ServingCredentials } from '../wire/tls/listener.ts';
import { listenPlaintext } from '../wire/tls/plaintext-listener.ts';
import type { Agents } from './agents.ts';
import type { Environment } from './environment.ts';
import { tellingJudge } from './peer-judge.ts';
import { keepPeersHonest } from './peer-upkeep.ts';
import type { Settings } from './settings/index.ts';
import type { State } from './state.ts';

export interface CsrListenerParts {
  readonly settings: Settings;
  readonly environment: Environment;
  readonly state: State;
  readonly serving: ServingCertificate;
  readonly issue: IssueSvid;
  readonly agents: Agents;
  /** For tests of limits. */
  readonly grpcLimits?: Partial<GrpcLimits> | undefined;
}

export interface CsrListeners {
  readonly port: number;
  readonly plaintextPort: number | undefined;
  readonly health: HealthBoard;
  readonly connections: ConnectionTable;
  sessions(): number;
  /** Takes no new connections, lets open calls end, then closes. */
  drain(graceMs: number): Promise<void>;
}

/** The CSR door with its listeners: TLS always, plaintext when it is switched on. */
export async function openCsrListeners(parts: CsrListenerParts): Promise<CsrListeners> {
  const { settings, environment, serving } = parts;
  const { clock, random } = environment;
  const logger = environment.logger.scoped('csr');
  const connections = new ConnectionTable();
  const health = new HealthBoard(['', caServiceName, IstioCertificateService.typeName]);
  const server = grpcServer({
    logger,
    limits: { maxConcurrentStreams: settings.limits.maxConcurrentStreams, ...parts.grpcLimits },
    services: [
      csrDoor({ issue: parts.issue, connections, clock, random }),
      agentDoor({ ...parts.agents, connections, clock, random }),
      healthDoor(health),
      ...(settings.reflection ? reflectionDoors([IstioCertificateService, AgentService, Health]) : []),
    ],
  });
  const onConnection = (socket: Socket, facts: ConnectionFacts) => {
    connections.add(socket, facts);
    server.inject(socket);
  };
  const admission = { maxConnections: settings.limits.maxConnections };
  const judge = tellingJudge(parts.state, environment);
  const tls = await listenTls({
    host: settings.csrAddress,
    port: settings.csrPort,
    credentials: shownToAgents(serving.current(), parts.state),
    validatePeer: judge,
    onConnection,
    logger,
    admission,
  });
  const renewal = serving.onChange((material) => tls.setCredentials(shownToAgents(material, parts.state)));
  const { enabled, port } = settings.plaintext;
  const plaintext = enabled
    ? await listenPlaintext({ host: '127.0.0.1', port, onConnection, logger, admission })
    : undefined;
  const upkeep = keepPeersHonest({ state: parts.state, clock, connections, judge });
  return {
    port: tls.port,
    plaintextPort: plaintext?.port,
    health,
    connections,
    sessions: () => server.sessions(),
    async drain(graceMs) {
      renewal[Symbol.dispose]();
      upkeep[Symbol.dispose]();
      tls.close();
      plaintext?.close();
      parts.agents.sync.endAll(wireErrors.SERVER_DRAINING());
      await server.drain(graceMs);
    },
  };
}

/** With the roots behind it: an agent that knows no more than a fingerprint finds its root in the chain (D25). */
function shownToAgents(
  { chainPem, privateKeyPem }: ServingCredentials,
  { authority }: State,
): ServingCredentials {
  return { chainPem: chainPem + authority.rootsPem(), privateKeyPem };
}
