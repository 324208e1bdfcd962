import type { Authority, AuthorityRole } from '../../authority/index.ts';

/** A key that signs and whose successor should sign by now, or be in the making. */
export interface NearingEnd {
  readonly code: 'AUTHORITY_ENDED' | 'AUTHORITY_NEARS_END';
  readonly role: AuthorityRole;
  readonly authorityId: string;
  readonly notAfter: number;
  /** Of its lifetime, 0 to 1. */
  readonly shareLeft: number;
  readonly message: string;
}

/** Below this share of its life a key should have been replaced: it renews itself before, if nothing is in the way. */
const shares: Readonly<Record<AuthorityRole, number>> = { root: 1 / 6, intermediate: 1 / 4, jwt: 1 / 8 };

/** Every layer by the share of its own lifetime, never by a count of days: short-lived ones do not nag. */
export function nearingEnd(
  authority: Pick<Authority, 'rotation' | 'status'>,
  now: number,
): readonly NearingEnd[] {
  return signingKeys(authority)
    .map(({ role, id, notBefore, notAfter }) => {
      const shareLeft = Math.max(0, (notAfter - now) / (notAfter - notBefore));
      const hasEnded = now >= notAfter;
      const what = role === 'jwt' ? 'JWT key' : role;
      const message = hasEnded
        ? `the ${what} ${id.slice(0, 8)} has ended`
        : `the ${what} ${id.slice(0, 8)} has ${Math.floor(shareLeft * 100)} % of its life left`;
      const code = hasEnded ? ('AUTHORITY_ENDED' as const) : ('AUTHORITY_NEARS_END' as const);
      return { code, role, authorityId: id, notAfter, shareLeft, message };
    })
    .filter(({ role, shareLeft }) => shareLeft < shares[role]);
}

export interface SigningKeyLife {
  readonly role: AuthorityRole;
  readonly id: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** What signs, of whichever origin. */
export function signingKeys(authority: Pick<Authority, 'rotation' | 'status'>): readonly SigningKeyLife[] {
  const certificates = authority
    .status()
    .authorities.filter(({ state }) => state === 'active')
    .map(({ role, authorityId, notBefore, notAfter }) => ({ role, id: authorityId, notBefore, notAfter }));
  const jwt = authority.rotation
    .keys()
    .filter(({ role, state }) => role === 'jwt' && state === 'active')
    .map(({ role, id, notBefore, notAfter }) => ({ role, id, notBefore, notAfter }));
  return [...certificates, ...jwt];
}
