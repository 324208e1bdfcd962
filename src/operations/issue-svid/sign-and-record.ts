import type { Authority, Issuance } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import { CastellanError, isCastellanError } from '../../base/errors.ts';
import type { SpiffeId } from '../../spiffe/index.ts';
import type { Csr } from '../../x509/index.ts';
import type { JsonRecord } from '../audit/canonical.ts';
import type { ClockGuard } from '../clock-guard.ts';
import { type AuditEvent, type IssuanceRecord, type IssuanceStore, storeErrors } from '../ports/index.ts';
import type { SpanWatch, TraceContext } from '../tracing/index.ts';
import { signingError } from './errors.ts';
import type { IdempotencyWish } from './idempotency.ts';
import { signSpan } from './sign-span.ts';

export interface SigningParts {
  readonly authority: Authority;
  readonly issuances: Pick<IssuanceStore, 'recordIssuance'>;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  readonly idempotencyMs: number;
  /** Undefined where nobody wants traces. */
  readonly spans?: SpanWatch | undefined;
}

/** Everything about one certificate that is settled before it is made. */
export interface SigningOrder {
  readonly csr: Csr;
  readonly spiffeId: SpiffeId;
  readonly validitySeconds: bigint | number;
  readonly dnsNames: readonly string[];
  readonly caller: {
    readonly subject: string;
    /** On record: how the caller was authenticated, or that the identity was born of a registration. */
    readonly method: string;
    readonly actor: string;
    readonly actorMethod: string;
    readonly address: string;
  };
  readonly requestId: string;
  readonly note: JsonRecord;
  readonly idempotency?: IdempotencyWish | undefined;
  /** Aborted before the record is written: nothing is recorded. Afterwards the record stays. */
  readonly signal: AbortSignal;
  /** Where the caller's request stands in a trace; asked only when traces are wanted. */
  readonly trace?: (() => TraceContext | undefined) | undefined;
}

export interface SignedAndRecorded {
  readonly issuance: Issuance;
  readonly chainPem: readonly string[];
  readonly replayed: boolean;
}

/** A serial is 128 random bits: a second collision in a row is a broken source of randomness. */
const maxDraws = 3;

/**
 * Signs in memory, then commits record, DER and audit entry in one transaction, then returns (D7): whatever leaves
 * here is on durable record. An error of CSR or authority leaves in Istio's words.
 */
export async function signAndRecord(parts: SigningParts, order: SigningOrder): Promise<SignedAndRecorded> {
  const clock = parts.clockGuard.check();
  if (!clock.trusted) throw storeErrors.CLOCK_UNTRUSTED({ cause: new Error(clock.detail) });
  for (let draw = 1; ; draw++) {
    const issuance = await sign(parts, order);
    order.signal.throwIfAborted();
    const issuedAt = parts.clock.now();
    try {
      const outcome = await parts.issuances.recordIssuance(
        recordOf(issuance, order, issuedAt),
        auditOf(issuance, order),
        order.idempotency && {
          ...order.idempotency,
          expiresAt: issuedAt + parts.idempotencyMs,
          chainPem: issuance.chainPem,
        },
      );
      parts.clockGuard.noteIssued(issuedAt);
      return outcome.replayed
        ? { issuance, chainPem: outcome.chainPem, replayed: true }
        : { issuance, chainPem: issuance.chainPem, replayed: false };
    } catch (error) {
      if (!isCastellanError(error, 'SERIAL_TAKEN') || draw === maxDraws) throw error;
    }
  }
}

async function sign({ authority, spans }: SigningParts, order: SigningOrder): Promise<Issuance> {
  const end = spans?.begin();
  try {
    const issuance = await authority.issue({
      csr: order.csr,
      spiffeId: order.spiffeId,
      requestedTtlSeconds: order.validitySeconds,
      commonNameWanted: order.csr.hasCommonName,
      ...(order.dnsNames.length > 0 ? { dnsNames: order.dnsNames } : {}),
    });
    end?.(signSpan(order, issuance));
    return issuance;
  } catch (error) {
    end?.(signSpan(order, { error }));
    throw error instanceof CastellanError ? signingError(error) : error;
  }
}

function recordOf(issuance: Issuance, order: SigningOrder, issuedAt: number): IssuanceRecord {
  return {
    serial: issuance.serial,
    spiffeId: order.spiffeId.uri,
    callerSubject: order.caller.subject,
    callerMethod: order.caller.method,
    csrSha256: order.csr.sha256,
    notBefore: issuance.notBefore,
    notAfter: issuance.notAfter,
    issuedAt,
    der: issuance.der,
    requestId: order.requestId,
    issuerKeyId: issuance.issuerKeyId,
    shortened: issuance.shortenedToIssuer,
    peerAddress: order.caller.address,
    state: 'issued',
  };
}

function auditOf(issuance: Issuance, order: SigningOrder): AuditEvent {
  return {
    actor: order.caller.actor,
    actorMethod: order.caller.actorMethod,
    ...(order.caller.address === '' ? {} : { actorAddress: order.caller.address }),
    action: 'certificate.issue',
    object: order.spiffeId.uri,
    result: 'success',
    requestId: order.requestId,
    detail: {
      serial: issuance.serial,
      csrSha256: order.csr.sha256,
      keySha256: order.csr.publicKey.spkiSha256,
      notBefore: issuance.notBefore,
      notAfter: issuance.notAfter,
      issuerKeyId: issuance.issuerKeyId,
      ...(issuance.shortenedToIssuer ? { shortened: true } : {}),
      ...order.note,
    },
  };
}
