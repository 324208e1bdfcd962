import type { TrustDomain } from '../spiffe/index.ts';
import type { Signer } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { emptyJournal, withPublished } from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import type { JwtSettings } from './jwt-authority.ts';
import { makeIntermediate, makeJwtKey, makeRoot, slotNamed } from './make-keys.ts';
import { openSlot } from './open-slot.ts';
import type { AuthorityPorts, KeyStore } from './ports.ts';
import { activated } from './rotation/transitions.ts';
import { auditKeyName, type SelfManagedSettings } from './self-managed-settings.ts';
import type { FilledSlot } from './slot.ts';

/** Makes a root (and its first intermediate), a JWT key and the audit key. The journal is written first and last. */
export async function initialiseSelfManaged(
  ports: AuthorityPorts,
  trustDomain: TrustDomain,
  { settings, jwt }: { readonly settings: SelfManagedSettings; readonly jwt: JwtSettings },
): Promise<void> {
  await refuseSecondAuthority(ports);
  const keeper = new JournalKeeper(ports.journal, emptyJournal(trustDomain));
  const making = { ports, keeper };
  const activate = (names: readonly string[]) =>
    keeper.commit({
      ...keeper.current,
      slots: activated(keeper.current.slots, names, ports.clock.now()),
    });
  await ports.keys.create(auditKeyName, 'Ed25519');
  const root = await makeRoot(making, settings.root);
  await activate([root]);
  if (settings.intermediate.enabled) {
    const issuer = await openSlot(ports, slotNamed(keeper, root) as FilledSlot);
    await activate([await makeIntermediate(making, settings.intermediate, issuer)]);
  }
  await activate([await makeJwtKey(making, jwt)]);
  await keeper.commit(withPublished(keeper.current, ports.clock.now()));
}

/** The signer of the audit log's checkpoints; throws AUTHORITY_KEY_MISSING. */
export async function openAuditSigner(keys: KeyStore): Promise<Signer> {
  const signer = await keys.open(auditKeyName);
  if (signer === undefined)
    throw authorityErrors.AUTHORITY_KEY_MISSING({ message: 'the key of the audit log is missing' });
  return signer;
}

/** Makes what plugged-in material needs beside it: a journal and the audit key. */
export async function initialisePlugged(ports: AuthorityPorts, trustDomain: TrustDomain): Promise<void> {
  await refuseSecondAuthority(ports);
  await ports.keys.create(auditKeyName, 'Ed25519');
  await new JournalKeeper(ports.journal, emptyJournal(trustDomain)).commit(emptyJournal(trustDomain));
}

async function refuseSecondAuthority(ports: AuthorityPorts): Promise<void> {
  if ((await ports.journal.read()) !== undefined) throw authorityErrors.AUTHORITY_EXISTS();
}
