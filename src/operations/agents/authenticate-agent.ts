import { type Authenticator, type Evidence, isNodeId } from '../../identity/index.ts';
import type { SpiffeId, TrustDomain } from '../../spiffe/index.ts';
import { agentErrors } from './errors.ts';

/** An agent whose node SVID holds at this moment. */
export interface AgentCaller {
  readonly id: SpiffeId;
  readonly leafDer: Uint8Array;
  readonly address: string;
}

export interface AgentGate {
  readonly trustDomain: TrustDomain;
  /** Judges the certificate of the connection; tokens are nothing here. */
  readonly certificates: Authenticator;
}

/** Throws AGENT_SVID_REQUIRED, AGENT_UNAVAILABLE. */
export async function authenticateAgent(
  gate: AgentGate,
  evidence: Evidence,
  signal: AbortSignal,
): Promise<AgentCaller> {
  const result = await gate.certificates.authenticate(evidence, signal);
  if (result.outcome === 'unavailable')
    throw agentErrors.AGENT_UNAVAILABLE({ retryAfterSeconds: 1, cause: new Error(result.detail) });
  if (result.outcome === 'rejected')
    throw agentErrors.AGENT_SVID_REQUIRED({
      details: { reason: result.reason },
      cause: new Error(`${result.reason}: ${result.detail}`),
    });
  const id = result.outcome === 'accepted' ? result.caller.identities[0] : undefined;
  const leafDer = evidence.transport.peerChain?.[0];
  if (id === undefined || leafDer === undefined || !isNodeId(id, gate.trustDomain))
    throw agentErrors.AGENT_SVID_REQUIRED({
      cause: new Error(id === undefined ? 'no client certificate' : `${id.uri} is no agent`),
    });
  return { id, leafDer, address: evidence.transport.peerAddress };
}
