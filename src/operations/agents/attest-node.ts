import { asCastellanError, type CastellanError, isCastellanError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { AnyNodeAttestor, Evidence, NodeAttestation, NodeEvidence } from '../../identity/index.ts';
import type { SpiffeId } from '../../spiffe/index.ts';
import { parseCsrDer } from '../../x509/index.ts';
import { type RateLimiter, sourceKey } from '../limits/rate-limiter.ts';
import { type AuditEvent, type RefusalLog, storeErrors } from '../ports/index.ts';
import { type AgentBundle, ownBundle } from './agent-bundle.ts';
import { agentErrors } from './errors.ts';
import { type NodeSigningParts, signNodeSvid } from './sign-node-svid.ts';

export interface AttestNodeParts extends NodeSigningParts {
  readonly attestors: readonly AnyNodeAttestor[];
  readonly sources: RateLimiter;
  readonly refusals: RefusalLog;
  readonly logger: Logger;
  readonly metrics: AgentMetrics;
}

/** How attestations and renewals ended, for metrics: closed lists, no identities. */
export interface AgentMetrics {
  attested(method: string, result: 'success' | 'denied' | 'error'): void;
}

export interface AttestNodeRequest {
  readonly csrDer: Uint8Array;
  readonly agentVersion: string;
  readonly shown: NodeEvidence;
  readonly evidence: Evidence;
  readonly requestId: string;
  readonly challenge: (nonce: Uint8Array) => Promise<Uint8Array>;
  readonly signal: AbortSignal;
}

export interface AttestedNode {
  readonly id: SpiffeId;
  readonly chainDer: readonly Uint8Array[];
  readonly bundle: AgentBundle;
}

type Accepted = Extract<NodeAttestation, { outcome: 'accepted' }>;

/**
 * A node proves what it is and gets its node SVID: the only way to an identity under /castellan (D11). The CSR is read
 * before the proof is asked for, so that one that cannot be signed costs no join token. Throws the errors of this
 * room, of CSR and authority; why a node was refused goes to the refusal log only.
 */
export async function attestNode(parts: AttestNodeParts, request: AttestNodeRequest): Promise<AttestedNode> {
  const { method } = request.shown;
  const progress: { reason?: string; detail?: string } = {};
  try {
    const attested = await attest(parts, request, progress);
    parts.metrics.attested(method, 'success');
    return attested;
  } catch (error) {
    const ours = asCastellanError(error);
    const isDenial = ['unauthenticated', 'denied', 'invalid', 'precondition'].includes(ours.kind);
    parts.metrics.attested(method, isDenial ? 'denied' : 'error');
    noteRefusal(parts, request, progress, ours);
    throw ours;
  }
}

async function attest(
  parts: AttestNodeParts,
  request: AttestNodeRequest,
  progress: { reason?: string; detail?: string },
): Promise<AttestedNode> {
  const { evidence, shown, requestId, signal } = request;
  const grant = parts.sources.take(sourceKey(evidence.transport.peerAddress));
  if (!grant.granted) throw agentErrors.AGENT_RATE_LIMITED({ retryAfterSeconds: grant.retryAfterSeconds });
  const csr = parseCsrDer(request.csrDer, parts.keyPolicy);
  const result = await prove(parts, request);
  if (result.outcome !== 'accepted') {
    progress.reason = result.reason;
    progress.detail = result.detail;
    throw result.outcome === 'unavailable'
      ? agentErrors.ATTESTATION_UNAVAILABLE({ retryAfterSeconds: 1 })
      : agentErrors.ATTESTATION_FAILED();
  }
  const { id, selectors } = result;
  if (parts.nodes.find(id.uri)?.state === 'banned') throw storeErrors.NODE_BANNED();
  const { peerAddress } = evidence.transport;
  const chainDer = await signNodeSvid(parts, {
    csr,
    id,
    method: shown.method,
    address: peerAddress,
    requestId,
    signal,
    record: (record, audit) =>
      parts.nodes.admit(
        record,
        { id: id.uri, method: shown.method, selectors, agentVersion: request.agentVersion.slice(0, 64) },
        [audit, attestAudit(audit, result)],
      ),
  });
  signal.throwIfAborted();
  parts.logger.info('a node was attested', { agent: id.uri, method: shown.method, requestId });
  return { id, chainDer, bundle: ownBundle(parts.authority) };
}

async function prove(parts: AttestNodeParts, request: AttestNodeRequest): Promise<NodeAttestation> {
  const attestor = parts.attestors.find(({ method }) => method === request.shown.method);
  if (attestor === undefined) throw agentErrors.ATTESTATION_METHOD_OFF();
  try {
    // An attestor is found by the method of what was shown.
    return await attestor.attest(request.shown as never, request);
  } catch (error) {
    request.signal.throwIfAborted();
    if (isCastellanError(error)) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    return { outcome: 'unavailable', reason: 'attestor-fault', detail };
  }
}

function attestAudit(issue: AuditEvent, { selectors }: Accepted): AuditEvent {
  const { serial, notAfter } = issue.detail;
  return { ...issue, action: 'node.attest', detail: { serial, notAfter, selectors } };
}

function noteRefusal(
  parts: AttestNodeParts,
  { shown, evidence, requestId, agentVersion }: AttestNodeRequest,
  progress: { readonly reason?: string; readonly detail?: string },
  error: CastellanError,
): void {
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  const detail = [progress.reason, progress.detail ?? cause].filter((part) => part !== undefined).join(': ');
  const { transport } = evidence;
  const seen = {
    call: 'attest',
    method: shown.method,
    transport: transport.kind,
    peerAddress: transport.peerAddress,
    agentVersion: agentVersion.slice(0, 64),
  };
  parts.refusals.note({
    requestId,
    at: parts.clock.now(),
    code: error.code,
    detail: (detail === '' ? error.publicMessage : detail).slice(0, 1024),
    evidence: seen,
  });
  const fields = { requestId, code: error.code, detail, ...seen };
  if (error.kind === 'internal') parts.logger.error('an attestation failed', fields);
  else parts.logger.info('an attestation was refused', fields);
}
