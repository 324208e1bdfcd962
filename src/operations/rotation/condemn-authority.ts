import type { Authority, AuthorityReach } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import { auditOf, type Operator } from '../operator.ts';
import type { AuditStore, IssuanceStore, LivingIdentity } from '../ports/index.ts';

export interface CondemnDeps {
  readonly authority: Pick<Authority, 'rotation'>;
  readonly issuances: Pick<IssuanceStore, 'listLiving'>;
  readonly audit: Pick<AuditStore, 'append'>;
  readonly clock: Clock;
}

export interface CondemnRequest {
  readonly authorityId: string;
  /** `taint`: what it signed is replaced. `revoke`: what it signed counts no more. */
  readonly verdict: 'taint' | 'revoke';
  readonly reason: string;
  /** Says how far it would reach and changes nothing. */
  readonly dryRun: boolean;
}

export interface CondemnOutcome {
  readonly reach: AuthorityReach;
  /** Identities with living certificates under it, at most 1,000. */
  readonly affected: readonly LivingIdentity[];
  readonly applied: boolean;
}

const mostShown = 1_000;

/** Taints or revokes an authority; how far that reaches comes first (AUTHORITY_UNKNOWN, AUTHORITY_STILL_SIGNS). */
export async function condemnAuthority(
  deps: CondemnDeps,
  operator: Operator,
  { authorityId, verdict, reason, dryRun }: CondemnRequest,
): Promise<CondemnOutcome> {
  const { rotation } = deps.authority;
  const reach = rotation.reach(authorityId);
  const affected = await deps.issuances.listLiving({
    now: deps.clock.now(),
    issuerKeyIds: reach.keys.map(({ id }) => id),
    limit: mostShown,
  });
  if (dryRun) return { reach, affected, applied: false };
  const action = verdict === 'taint' ? 'authority.taint' : 'authority.revoke';
  const certificates = affected.reduce((sum, one) => sum + one.certificates, 0);
  const detail = { reason, role: reach.key.role, identities: affected.length, certificates };
  await deps.audit.append(auditOf(operator, action, authorityId, detail));
  await (verdict === 'taint' ? rotation.taint(authorityId, reason) : rotation.revoke(authorityId, reason));
  return { reach, affected, applied: true };
}
