import type { FastifyInstance } from 'fastify';
import type { AgentAlarm, RefusalRing } from '../../agent/index.ts';
import { decisionErrors } from '../../operations/decisions/errors.ts';
import { operatorErrors } from '../../operations/operator-errors.ts';
import { type HttpServerOptions, httpServer } from '../../wire/http/server.ts';

/** What an operator of the node may see; keys are never among it. */
export interface AgentStatus {
  readonly agentId: string;
  readonly nodeNotAfter: number;
  readonly connected: boolean;
  readonly revision: string;
  readonly streams: number;
  readonly bundles: readonly { readonly trustDomain: string; readonly sequence: bigint }[];
  readonly svids: readonly {
    readonly spiffeId: string;
    readonly serial: string;
    readonly receivedAt: number;
    readonly notAfter: number;
  }[];
  readonly alarms: readonly AgentAlarm[];
}

export interface AgentAdminParts {
  readonly http: HttpServerOptions;
  readonly refusals: RefusalRing;
  readonly status: () => AgentStatus;
}

const apiVersion = 'castellan.dev/v1alpha1';

/** The agent's own admin API, on a socket that only its user can reach: it explains and shows, and changes nothing. */
export async function agentAdminServer(parts: AgentAdminParts): Promise<FastifyInstance> {
  const server = await httpServer(parts.http);
  server.get<{ Params: { id: string } }>('/api/v1/requests/:id', async ({ params }) => {
    const refusal = parts.refusals.find(params.id);
    if (refusal === undefined) throw operatorErrors.REQUEST_UNKNOWN();
    const { requestId, at, code, detail, evidence } = refusal;
    return {
      apiVersion,
      kind: 'RequestExplanation',
      requestId,
      outcome: 'refused',
      refusal: { at: new Date(at).toISOString(), code, detail, evidence },
      audit: [],
    };
  });
  // The command asks here first; a decision has never been made in an agent without a check of its own.
  server.get('/api/v1/decisions/:id', async () => {
    throw decisionErrors.DECISION_UNKNOWN();
  });
  server.get('/api/v1/agent', async () => toJson(parts.status()));
  return server;
}

const instant = (ms: number) => new Date(ms).toISOString();

function toJson(status: AgentStatus) {
  return {
    apiVersion,
    kind: 'AgentStatus',
    agentId: status.agentId,
    nodeNotAfter: instant(status.nodeNotAfter),
    connected: status.connected,
    revision: status.revision,
    streams: status.streams,
    bundles: status.bundles.map(({ trustDomain, sequence }) => ({
      trustDomain,
      sequence: sequence.toString(),
    })),
    svids: status.svids.map(({ spiffeId, serial, receivedAt, notAfter }) => ({
      spiffeId,
      serial,
      receivedAt: instant(receivedAt),
      notAfter: instant(notAfter),
    })),
    alarms: status.alarms.map(({ since, ...alarm }) => ({ ...alarm, since: instant(since) })),
  };
}
