import { parseCsrDer } from '../../x509/index.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import type { AgentCaller } from './authenticate-agent.ts';
import { agentErrors } from './errors.ts';
import { type NodeSigningParts, signNodeSvid } from './sign-node-svid.ts';

export interface RenewNodeParts extends NodeSigningParts {
  /** By agent. */
  readonly agents: RateLimiter;
}

export interface RenewNodeRequest {
  readonly csrDer: Uint8Array;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** A new node SVID for one that holds. That the node was evicted meanwhile is seen in the very transaction. */
export async function renewNode(
  parts: RenewNodeParts,
  { id, address }: AgentCaller,
  request: RenewNodeRequest,
): Promise<readonly Uint8Array[]> {
  const grant = parts.agents.take(id.uri);
  if (!grant.granted) throw agentErrors.AGENT_RATE_LIMITED({ retryAfterSeconds: grant.retryAfterSeconds });
  const { csrDer, requestId, signal } = request;
  const chainDer = await signNodeSvid(parts, {
    csr: parseCsrDer(csrDer, parts.keyPolicy),
    id,
    method: 'client_cert',
    address,
    requestId,
    signal,
    record: (record, audit) =>
      parts.nodes.renew(record, id.uri, [
        audit,
        { ...audit, action: 'node.renew', detail: { serial: record.serial, notAfter: record.notAfter } },
      ]),
  });
  signal.throwIfAborted();
  return chainDer;
}
