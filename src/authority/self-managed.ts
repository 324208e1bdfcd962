import { type Duration, days, hours } from '../base/duration.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import {
  buildIntermediate,
  buildRoot,
  type Certificate,
  type Issuer,
  parseCertificate,
  type Signer,
} from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import {
  emptyJournal,
  filledSlots,
  type Journal,
  withActivated,
  withNewSlot,
  withPublished,
} from './journal.ts';
import { JournalKeeper } from './journal-keeper.ts';
import { ensureJwtKey, type JwtSettings } from './jwt-authority.ts';
import { caValidity } from './lifetime.ts';
import type { AuthorityPorts, KeyStore } from './ports.ts';
import type { AuthorityEntry } from './signing-state.ts';
import { authorityId, type FilledSlot } from './slot.ts';

/** A hierarchy that we keep ourselves: a root, and an intermediate that does the signing and renews itself. */
export interface SelfManagedSettings {
  readonly kind: 'self-managed';
  readonly root: { readonly keyType: 'P-256' | 'P-384'; readonly lifetime: Duration };
  /** Off: the root signs leaves. */
  readonly intermediate: { readonly enabled: boolean; readonly lifetime: Duration };
  /** How often to look whether a renewal is due, at the latest. */
  readonly checkEvery: Duration;
}

export const defaultSelfManaged: SelfManagedSettings = {
  kind: 'self-managed',
  root: { keyType: 'P-256', lifetime: days(3650) },
  intermediate: { enabled: true, lifetime: days(30) },
  checkEvery: hours(1),
};

/** The key that signs checkpoints of the audit log: apart from the keys that sign certificates. */
export const auditKeyName = 'audit';

/** Refuses an intermediate that would be due for renewal all its life (D4). */
export function checkSelfManagedSettings(settings: SelfManagedSettings, defaultLeafLifetime: Duration): void {
  const { root, intermediate, checkEvery } = settings;
  if (intermediate.enabled && intermediate.lifetime < 3 * defaultLeafLifetime)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'the intermediate must live at least three times as long as a leaf does by default',
    });
  if (intermediate.enabled && root.lifetime <= intermediate.lifetime)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'the root must live longer than the intermediate',
    });
  if (checkEvery < 1000)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'renewals cannot be checked more often than every second',
    });
}

/** Makes a root (and its first intermediate) and the audit key. The journal is written first and last. */
export async function initialiseSelfManaged(
  ports: AuthorityPorts,
  trustDomain: TrustDomain,
  { settings, jwt }: { readonly settings: SelfManagedSettings; readonly jwt: JwtSettings },
): Promise<void> {
  await refuseSecondAuthority(ports);
  const keeper = new JournalKeeper(ports.journal, emptyJournal(trustDomain));
  await ports.keys.create(auditKeyName, 'Ed25519');
  const { journal, slot } = withNewSlot(keeper.current, 'root');
  await keeper.commit(journal);
  const signer = await ports.keys.create(slot.name, settings.root.keyType);
  const validity = caValidity(ports.clock.now(), settings.root.lifetime);
  const der = await buildRoot({ trustDomain, signer, ...validity, serial: ports.serials.next() });
  const certificate = parseCertificate(der);
  await keeper.commit(withActivated(keeper.current, slot.name, certificate));
  if (settings.intermediate.enabled)
    await addIntermediate({ ports, keeper, settings, root: { certificate, signer } });
  await ensureJwtKey(ports, keeper, jwt);
  await keeper.commit(withPublished(keeper.current, [certificate]));
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

export interface IntermediateMaking {
  readonly ports: AuthorityPorts;
  readonly keeper: JournalKeeper;
  readonly settings: SelfManagedSettings;
  readonly root: Issuer;
}

/**
 * A new intermediate with a key of its own, in steps that can each be the last one (S19): journal knows the name;
 * the key exists; the certificate is in the journal and active. Until the last step the old one signs.
 */
export async function addIntermediate(making: IntermediateMaking): Promise<Issuer> {
  const { ports, keeper, settings, root } = making;
  const { journal, slot } = withNewSlot(keeper.current, 'intermediate');
  await keeper.commit(journal);
  const signer = await ports.keys.create(slot.name, 'P-256');
  const now = ports.clock.now();
  if (now >= root.certificate.notAfter)
    throw authorityErrors.CERT_GEN_ERROR({ message: 'the root has expired: it cannot sign an intermediate' });
  const validity = caValidity(now, settings.intermediate.lifetime, root.certificate.notAfter);
  const der = await buildIntermediate({
    issuer: root,
    trustDomain: keeper.current.trustDomain,
    publicKey: signer.publicKey,
    ...validity,
    serial: ports.serials.next(),
  });
  const certificate = parseCertificate(der);
  await keeper.commit(withActivated(keeper.current, slot.name, certificate));
  return { certificate, signer };
}

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

export function entryOf(slot: FilledSlot, renewsAt?: (certificate: Certificate) => number): AuthorityEntry {
  const { role, state, certificate } = slot;
  const renews = role === 'intermediate' && state === 'active' ? renewsAt?.(certificate) : undefined;
  return { role, state, certificate, ...(renews === undefined ? {} : { renewsAt: renews }) };
}
