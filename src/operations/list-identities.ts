import type { Clock } from '../base/clock.ts';
import { operatorErrors } from './operator-errors.ts';
import type { PageCursors } from './page-cursor.ts';
import type { IssuanceRecord, IssuanceStore, RevocationStore } from './ports/index.ts';

export interface IdentityDeps {
  readonly issuances: IssuanceStore;
  readonly revocations: Pick<RevocationStore, 'find'>;
  readonly cursors: PageCursors;
  readonly clock: Clock;
}

/** A certificate that was handed out, and whether it still counts. */
export interface IssuedIdentity {
  readonly record: IssuanceRecord;
  readonly state: 'valid' | 'not-yet-valid' | 'expired' | 'revoked';
  readonly revokedReason?: string;
}

export interface IdentityQuery {
  readonly spiffeId?: string | undefined;
  /** Only those that are valid now and end within this many seconds, soonest first. */
  readonly expiringWithinSeconds?: number | undefined;
  /** Also those that have ended. */
  readonly includeExpired?: boolean | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface IdentityPage {
  readonly items: readonly IssuedIdentity[];
  readonly cursor?: string;
}

/** Certificates on record: newest first, or soonest to end when asked what is expiring. */
export async function listIdentities(deps: IdentityDeps, query: IdentityQuery): Promise<IdentityPage> {
  const now = deps.clock.now();
  const judge = (record: IssuanceRecord) => judgeIdentity(deps, record, now);
  if (query.spiffeId !== undefined) {
    const records = await deps.issuances.findBySpiffeId(query.spiffeId, query.limit);
    return { items: records.filter((record) => query.includeExpired || record.notAfter > now).map(judge) };
  }
  const bound = `identities/${query.expiringWithinSeconds ?? ''}/${query.includeExpired ?? false}`;
  // The first page fixes "now", so that the pages of one list agree on what is expiring.
  const position = query.cursor === undefined ? undefined : deps.cursors.open(query.cursor, bound);
  const [fixedNow, cursor] = position === undefined ? [now] : splitPosition(position);
  const page = await deps.issuances.list({
    limit: query.limit,
    ...(cursor === undefined ? {} : { cursor }),
    ...(query.includeExpired ? {} : { expiringAfter: fixedNow }),
    ...(query.expiringWithinSeconds === undefined
      ? {}
      : { expiringBefore: fixedNow + query.expiringWithinSeconds * 1000 }),
  });
  return {
    items: page.records.map(judge),
    ...(page.cursor === undefined ? {} : { cursor: deps.cursors.seal(`${fixedNow}:${page.cursor}`, bound) }),
  };
}

function splitPosition(position: string): [number, string] {
  const colon = position.indexOf(':');
  return [Number(position.slice(0, colon)), position.slice(colon + 1)];
}

/** One certificate by its serial (lower hex); throws CERTIFICATE_UNKNOWN. */
export async function getIdentity(deps: IdentityDeps, serial: string): Promise<IssuedIdentity> {
  const record = await deps.issuances.findBySerial(serial.toLowerCase());
  if (record === undefined) throw operatorErrors.CERTIFICATE_UNKNOWN();
  return judgeIdentity(deps, record, deps.clock.now());
}

function judgeIdentity(deps: IdentityDeps, record: IssuanceRecord, now: number): IssuedIdentity {
  const revocation = deps.revocations.find(record.serial, record.spiffeId);
  if (revocation !== undefined) return { record, state: 'revoked', revokedReason: revocation.reason };
  if (now > record.notAfter) return { record, state: 'expired' };
  return { record, state: now < record.notBefore ? 'not-yet-valid' : 'valid' };
}
