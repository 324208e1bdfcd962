import type { Certificate } from '../x509/index.ts';
import type { CertificateRole, FilledSlot, SlotState } from './slot.ts';

/** One certificate of the authority, for status, metrics and the search for issuers. */
export interface AuthorityEntry {
  readonly role: CertificateRole;
  readonly state: SlotState;
  readonly certificate: Certificate;
  /** When it renews itself; absent when someone else has to. */
  readonly renewsAt?: number;
  readonly isRevoked?: boolean;
}

export function entryOf(slot: FilledSlot, renewsAt?: (certificate: Certificate) => number): AuthorityEntry {
  const { role, state, certificate } = slot;
  const renews = role === 'intermediate' && state === 'active' ? renewsAt?.(certificate) : undefined;
  return {
    role,
    state,
    certificate,
    ...(renews === undefined ? {} : { renewsAt: renews }),
    ...(slot.revoked === undefined ? {} : { isRevoked: true }),
  };
}
