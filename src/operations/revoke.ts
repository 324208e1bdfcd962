import type { Clock } from '../base/clock.ts';
import { SpiffeId } from '../spiffe/index.ts';
import { auditOf, type Operator } from './operator.ts';
import { operatorErrors } from './operator-errors.ts';
import type { IssuanceRecord, IssuanceStore, RevocationStore, RevocationTarget } from './ports/index.ts';

export interface RevokeDeps {
  readonly issuances: IssuanceStore;
  readonly revocations: RevocationStore;
  readonly clock: Clock;
}

export interface RevokeRequest {
  readonly serial?: string | undefined;
  readonly spiffeId?: string | undefined;
  readonly reason: string;
  /** Says what would happen and changes nothing. */
  readonly dryRun: boolean;
}

export interface RevokeOutcome {
  readonly target: RevocationTarget;
  /** Certificates on record that are valid now and stop counting. */
  readonly affected: readonly IssuanceRecord[];
  readonly alreadyRevoked: boolean;
  readonly applied: boolean;
}

const mostShown = 1_000;

/** Puts a serial or a SPIFFE ID on the deny list, which every door consults at once (D9). */
export async function revoke(
  deps: RevokeDeps,
  operator: Operator,
  request: RevokeRequest,
): Promise<RevokeOutcome> {
  const target = parseTarget(request);
  const now = deps.clock.now();
  const records = await recordsOf(deps.issuances, target);
  const affected = records.filter((record) => record.notAfter > now);
  const alreadyRevoked =
    deps.revocations.find(target.serial, target.spiffeId ?? records[0]?.spiffeId ?? '') !== undefined;
  if (request.dryRun) return { target, affected, alreadyRevoked, applied: false };
  const audit = auditOf(operator, 'revocation.add', target.serial ?? target.spiffeId ?? '', {
    reason: request.reason,
    affected: affected.length,
  });
  await deps.revocations.revoke(target, request.reason, now, audit);
  return { target, affected, alreadyRevoked, applied: true };
}

/** Takes a serial or a SPIFFE ID off the deny list; throws REVOCATION_UNKNOWN. */
export async function liftRevocation(
  deps: Pick<RevokeDeps, 'revocations'>,
  operator: Operator,
  request: Pick<RevokeRequest, 'serial' | 'spiffeId'>,
): Promise<void> {
  const target = parseTarget(request);
  const audit = auditOf(operator, 'revocation.lift', target.serial ?? target.spiffeId ?? '');
  if (!(await deps.revocations.lift(target, audit))) throw operatorErrors.REVOCATION_UNKNOWN();
}

function parseTarget({ serial, spiffeId }: Pick<RevokeRequest, 'serial' | 'spiffeId'>): RevocationTarget {
  if (serial !== undefined && spiffeId === undefined) {
    const hex = serial.replaceAll(':', '').toLowerCase();
    if (/^(?:[0-9a-f]{2}){1,20}$/.test(hex)) return { serial: hex };
  }
  if (spiffeId !== undefined && serial === undefined) return { spiffeId: SpiffeId.parse(spiffeId).uri };
  throw operatorErrors.REVOCATION_TARGET_MISSING();
}

/** A serial that is not on record can be revoked too: it may come from before a restored backup. */
async function recordsOf(
  issuances: IssuanceStore,
  target: RevocationTarget,
): Promise<readonly IssuanceRecord[]> {
  if (target.spiffeId !== undefined) return issuances.findBySpiffeId(target.spiffeId, mostShown);
  const record = await issuances.findBySerial(target.serial);
  return record === undefined ? [] : [record];
}
