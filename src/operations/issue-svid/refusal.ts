import type { CastellanError } from '../../base/errors.ts';
import type { Attempt, AuthenticationNote, Caller } from '../../identity/index.ts';
import type { JsonRecord } from '../audit/canonical.ts';
import type { IssueSvidParts, IssueSvidRequest } from './types.ts';

/** What became known of a request on its way: all that an operator is told and the caller is not. */
export interface Progress {
  caller?: Caller;
  attempts?: readonly Attempt[];
  notes?: readonly AuthenticationNote[];
  reason?: string;
  detail?: string;
}

/** Leaves word of a refused request for `castellan explain`, and in the log. Never throws, never waits. */
export function noteRefusal(
  parts: Pick<IssueSvidParts, 'store' | 'clock' | 'logger'>,
  request: IssueSvidRequest,
  progress: Progress,
  error: CastellanError,
): void {
  const { requestId } = request;
  const detail = [progress.reason, progress.detail ?? causeOf(error)]
    .filter((part) => part !== undefined)
    .join(': ');
  parts.store.refusals.note({
    requestId,
    at: parts.clock.now(),
    code: error.code,
    detail: (detail === '' ? error.publicMessage : detail).slice(0, 1024),
    evidence: evidenceOf(request, progress),
  });
  const fields = { requestId, code: error.code, detail, ...evidenceOf(request, progress) };
  if (error.kind === 'internal')
    parts.logger.error('certificate request failed', { ...fields, fault: stackOf(error.cause ?? error) });
  else parts.logger.info('certificate request refused', fields);
}

function causeOf(error: CastellanError): string | undefined {
  return error.cause instanceof Error ? error.cause.message : undefined;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What the caller showed, by kind and name; credentials are never among it. */
function evidenceOf({ evidence, impersonatedIdentity }: IssueSvidRequest, progress: Progress): JsonRecord {
  const { transport, headers } = evidence;
  return {
    transport: transport.kind,
    peerAddress: transport.peerAddress,
    peerId: transport.peerId?.uri,
    bearerTokens: headers.authorization.length,
    clusterIds: headers.clusterId.slice(0, 4).map((text) => text.slice(0, 256)),
    forwardedClientCert: headers.forwardedClientCert.length > 0 ? true : undefined,
    impersonates: impersonatedIdentity === '' ? undefined : impersonatedIdentity.slice(0, 2048),
    caller: progress.caller?.subject,
    method: progress.caller?.method,
    attempts: progress.attempts?.map(({ authenticator, outcome, reason, detail }) => ({
      authenticator,
      outcome,
      reason,
      detail: detail?.slice(0, 512),
    })),
  };
}
