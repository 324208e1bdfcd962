import { buildIntermediate, buildRoot, type Issuer, parseCertificate } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { filledSlots, withFilled, withNewSlot } from './journal.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import { describeJwtKey, type JwtSettings } from './jwt-authority.ts';
import { caValidity } from './lifetime.ts';
import type { AuthorityPorts } from './ports.ts';
import type { SelfManagedSettings } from './self-managed-settings.ts';
import type { FilledSlot } from './slot.ts';

export interface KeyMaking {
  readonly ports: AuthorityPorts;
  readonly keeper: JournalKeeper;
}

/**
 * Makes a key in steps that can each be the last one (S19): the journal knows the name; the key exists; the journal
 * says what it is for. It is neither published nor used before somebody decides so. Each returns the slot's name.
 */
export async function makeRoot(making: KeyMaking, settings: SelfManagedSettings['root']): Promise<string> {
  const { ports, keeper } = making;
  const { trustDomain } = keeper.current;
  const { journal, slot } = withNewSlot(keeper.current, 'root');
  await keeper.commit(journal);
  const signer = await ports.keys.create(slot.name, settings.keyType);
  const validity = caValidity(ports.clock.now(), settings.lifetime);
  const der = await buildRoot({ trustDomain, signer, ...validity, serial: ports.serials.next() });
  await keeper.commit(withFilled(keeper.current, slot.name, parseCertificate(der)));
  return slot.name;
}

export async function makeIntermediate(
  making: KeyMaking,
  settings: SelfManagedSettings['intermediate'],
  root: Issuer,
): Promise<string> {
  const { ports, keeper } = making;
  const now = ports.clock.now();
  if (now >= root.certificate.notAfter)
    throw authorityErrors.CERT_GEN_ERROR({ message: 'the root has expired: it cannot sign an intermediate' });
  const { journal, slot } = withNewSlot(keeper.current, 'intermediate');
  await keeper.commit(journal);
  const signer = await ports.keys.create(slot.name, 'P-256');
  const validity = caValidity(now, settings.lifetime, root.certificate.notAfter);
  const der = await buildIntermediate({
    issuer: root,
    trustDomain: keeper.current.trustDomain,
    publicKey: signer.publicKey,
    ...validity,
    serial: ports.serials.next(),
  });
  await keeper.commit(withFilled(keeper.current, slot.name, parseCertificate(der)));
  return slot.name;
}

export async function makeJwtKey(making: KeyMaking, settings: JwtSettings): Promise<string> {
  const { ports, keeper } = making;
  const { journal, slot } = withNewSlot(keeper.current, 'jwt');
  await keeper.commit(journal);
  const signer = await ports.keys.create(slot.name, settings.keyType);
  const key = describeJwtKey(signer.publicKey, ports.clock.now(), settings.keyLifetime);
  await keeper.commit(withFilled(keeper.current, slot.name, key));
  return slot.name;
}

export function slotNamed(keeper: JournalKeeper, name: string): FilledSlot | undefined {
  return filledSlots(keeper.current, 'self-managed').find((slot) => slot.name === name);
}
