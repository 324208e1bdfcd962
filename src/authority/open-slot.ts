import type { Issuer, Signer } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { filledSlots, type Journal } from './journal.ts';
import type { AuthorityPorts } from './ports.ts';
import { authorityId, type FilledSlot } from './slot.ts';

/** The slot that is active in a role; undefined where there is none. */
export function activeSlot(journal: Journal, role: FilledSlot['role']): FilledSlot | undefined {
  return filledSlots(journal, 'self-managed').find((slot) => slot.role === role && slot.state === 'active');
}

/** Opens the key of a slot; a missing or foreign key is an error, never a reason to make another (S06, S17). */
export async function openSlot(ports: AuthorityPorts, slot: FilledSlot): Promise<Issuer> {
  const signer: Signer | undefined = await ports.keys.open(slot.name);
  if (signer === undefined)
    throw authorityErrors.AUTHORITY_KEY_MISSING({
      message: `the key \`${slot.name}\` of the authority is missing`,
    });
  if (signer.publicKey.spkiSha256 !== slot.certificate.publicKey.spkiSha256)
    throw authorityErrors.AUTHORITY_KEY_MISMATCH({
      message: `the key \`${slot.name}\` does not belong to its certificate`,
      details: { authorityId: authorityId(slot.certificate) },
    });
  return { certificate: slot.certificate, signer };
}
