import { toHex } from '../base/bytes.ts';
import type { Certificate } from '../x509/index.ts';

export type AuthorityRole = 'root' | 'intermediate';

/** `prepared`: not signing yet. `active`: signs. `old`: signs no more, but what it signed may still live. */
export type SlotState = 'prepared' | 'active' | 'old';

/** One key of the authority and what became of it. */
export interface Slot {
  /** Also the name of its key in the key store, unless it was plugged in. */
  readonly name: string;
  readonly role: AuthorityRole;
  readonly origin: 'self-managed' | 'plugged';
  readonly state: SlotState;
  /** Absent while the key is being made: the journal knows of a key before it exists. */
  readonly certificate?: Certificate;
}

export interface FilledSlot extends Slot {
  readonly certificate: Certificate;
}

export function isFilled(slot: Slot): slot is FilledSlot {
  return slot.certificate !== undefined;
}

/** What names an authority everywhere: its subject key identifier, lower-case hex. */
export function authorityId(certificate: Certificate): string {
  return toHex(certificate.subjectKeyId ?? certificate.publicKey.keyId);
}
