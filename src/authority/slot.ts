import { toHex } from '../base/bytes.ts';
import type { Certificate } from '../x509/index.ts';

export type CertificateRole = 'root' | 'intermediate';
export type AuthorityRole = CertificateRole | 'jwt';

/**
 * `prepared`: not signing yet, published or not. `active`: signs. `old`: signs no more, but what it signed may still
 * live. `retired`: nothing of it lives, or it was revoked; no longer published, its key is to be destroyed.
 */
export type SlotState = 'prepared' | 'active' | 'old' | 'retired';

/** What happened to a key so far: all that a rotation decides by. */
export interface SlotHistory {
  /** Also the name of its key in the key store, unless it was plugged in. */
  readonly name: string;
  readonly role: AuthorityRole;
  readonly origin: 'self-managed' | 'plugged';
  readonly state: SlotState;
  /** Since when the trust bundle holds it, and from which sequence on. Intermediates never are. */
  readonly published?: { readonly at: number; readonly sequence: bigint };
  readonly activatedAt?: number;
  readonly steppedDownAt?: number;
  /** Not to be relied on: what it signed is replaced. */
  readonly taint?: Verdict;
  /** Nothing it signed counts any more. */
  readonly revoked?: Verdict;
  /** Its key was destroyed although the slot is still remembered. */
  readonly keyDestroyed?: boolean;
}

export interface Verdict {
  readonly at: number;
  readonly reason: string;
}

/** One key of the authority and what became of it. */
export interface Slot extends SlotHistory {
  /** Absent while the key is being made: the journal knows of a key before it exists. */
  readonly certificate?: Certificate;
  /** What a JWT key has in place of a certificate. */
  readonly jwtKey?: JwtAuthorityKey;
}

/** The public half of a key that signs JWT-SVIDs, and when it does. */
export interface JwtAuthorityKey {
  /** Its `authorityId`: the key identifier, lower-case hex. */
  readonly kid: string;
  /** Public members only. */
  readonly jwk: Readonly<Record<string, string>>;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface FilledSlot extends Slot {
  readonly role: CertificateRole;
  readonly certificate: Certificate;
}

export interface JwtSlot extends Slot {
  readonly role: 'jwt';
  readonly jwtKey: JwtAuthorityKey;
}

export function isFilled(slot: Slot): slot is FilledSlot {
  return slot.role !== 'jwt' && slot.certificate !== undefined;
}

export function isJwtSlot(slot: Slot): slot is JwtSlot {
  return slot.role === 'jwt' && slot.jwtKey !== undefined;
}

/** The key was made and what it is for is written down: the slot can be used. */
export function isFinished(slot: Slot): boolean {
  return isFilled(slot) || isJwtSlot(slot);
}

/** What names an authority everywhere: its subject key identifier, lower-case hex. */
export function authorityId(certificate: Certificate): string {
  return toHex(certificate.subjectKeyId ?? certificate.publicKey.keyId);
}
