import { isTrustDomain, type TrustDomain } from '../spiffe/index.ts';
import { type Certificate, formatCertificatePem, parseCertificatesPem } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { type FilledSlot, isFilled, type Slot, type SlotState } from './slot.ts';

/**
 * What the authority must remember: which keys exist, what each is for, and how far the bundle has counted. It is
 * written before a key is made and before a key is used; a crash between any two steps resumes from it.
 */
export interface Journal {
  readonly trustDomain: TrustDomain;
  /** The number that the next slot's name gets; names are never used twice. */
  readonly nextSlot: number;
  readonly bundle: {
    /** Rises by one with every change of the set of roots (B-02). */
    readonly sequence: bigint;
    readonly roots: readonly Certificate[];
  };
  readonly slots: readonly Slot[];
}

export function emptyJournal(trustDomain: TrustDomain): Journal {
  return { trustDomain, nextSlot: 1, bundle: { sequence: 0n, roots: [] }, slots: [] };
}

/** The journal with a new slot whose key does not exist yet. */
export function withNewSlot(
  journal: Journal,
  role: Slot['role'],
  origin: Slot['origin'] = 'self-managed',
): { journal: Journal; slot: Slot } {
  const prefix = origin === 'plugged' ? 'plugged' : role;
  const slot: Slot = { name: `${prefix}-${journal.nextSlot}`, role, origin, state: 'prepared' };
  return { journal: { ...journal, nextSlot: journal.nextSlot + 1, slots: [...journal.slots, slot] }, slot };
}

export function withoutSlot(journal: Journal, name: string): Journal {
  return { ...journal, slots: journal.slots.filter((slot) => slot.name !== name) };
}

/** The journal with the slot active under its certificate; the one that was active in its place becomes old. */
export function withActivated(journal: Journal, name: string, certificate: Certificate): Journal {
  const chosen = journal.slots.find((slot) => slot.name === name);
  if (chosen === undefined) throw new TypeError(`no slot ${name}`);
  const slots = journal.slots.map((slot): Slot => {
    if (slot === chosen) return { ...slot, state: 'active', certificate };
    const steppedDown = slot.role === chosen.role && slot.origin === chosen.origin && slot.state === 'active';
    return steppedDown ? { ...slot, state: 'old' } : slot;
  });
  return { ...journal, slots };
}

/** The journal with these roots published; the sequence rises only if the set of roots changed. */
export function withRoots(journal: Journal, roots: readonly Certificate[]): Journal {
  const { sequence, roots: before } = journal.bundle;
  const unchanged = sequence > 0n && compareRoots(before, roots) === 'same';
  return { ...journal, bundle: { sequence: unchanged ? sequence : sequence + 1n, roots } };
}

export type RootsChange = 'same' | 'added' | 'removed' | 'swapped';

/** How one set of roots became another, regardless of order (R3). */
export function compareRoots(before: readonly Certificate[], after: readonly Certificate[]): RootsChange {
  const old = new Set(before.map((root) => root.sha256));
  const next = new Set(after.map((root) => root.sha256));
  const keepsAll = old.isSubsetOf(next);
  const addsNone = next.isSubsetOf(old);
  if (keepsAll) return addsNone ? 'same' : 'added';
  return addsNone ? 'removed' : 'swapped';
}

export function filledSlots(journal: Journal, origin: Slot['origin']): FilledSlot[] {
  return journal.slots.filter((slot) => slot.origin === origin).filter(isFilled);
}

interface StoredSlot extends Omit<Slot, 'certificate'> {
  readonly certificatePem?: string;
}

interface StoredJournal {
  readonly format: 'castellan-authority-journal';
  readonly version: 1;
  readonly trustDomain: string;
  readonly nextSlot: number;
  readonly bundle: { readonly sequence: string; readonly rootsPem: string };
  readonly slots: readonly StoredSlot[];
}

export function formatJournal(journal: Journal): string {
  const stored: StoredJournal = {
    format: 'castellan-authority-journal',
    version: 1,
    trustDomain: journal.trustDomain,
    nextSlot: journal.nextSlot,
    bundle: {
      sequence: journal.bundle.sequence.toString(),
      rootsPem: journal.bundle.roots.map((root) => formatCertificatePem(root.der)).join(''),
    },
    slots: journal.slots.map(({ certificate, ...slot }) => ({
      ...slot,
      ...(certificate === undefined ? {} : { certificatePem: formatCertificatePem(certificate.der) }),
    })),
  };
  return `${JSON.stringify(stored, null, 2)}\n`;
}

/** Reads what `formatJournal` wrote; throws AUTHORITY_JOURNAL_DAMAGED. */
export function parseJournal(text: string): Journal {
  try {
    const stored = JSON.parse(text) as StoredJournal;
    need(stored.format === 'castellan-authority-journal', 'it is not a journal of an authority');
    need(stored.version === 1, `it has version ${String(stored.version)}, this castellan reads version 1`);
    need(isTrustDomain(stored.trustDomain), 'the trust domain is malformed');
    need(Number.isSafeInteger(stored.nextSlot) && stored.nextSlot > 0, 'the slot number is malformed');
    need(/^\d{1,18}$/.test(stored.bundle.sequence), 'the bundle sequence is malformed');
    return {
      trustDomain: stored.trustDomain as TrustDomain,
      nextSlot: stored.nextSlot,
      bundle: {
        sequence: BigInt(stored.bundle.sequence),
        roots: parseCertificatesPem(stored.bundle.rootsPem),
      },
      slots: stored.slots.map(parseSlot),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown';
    throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED({
      message: `the journal of the authority cannot be read (${why})`,
      cause,
    });
  }
}

const states: readonly SlotState[] = ['prepared', 'active', 'old'];

function parseSlot({ name, role, origin, state, certificatePem }: StoredSlot): Slot {
  need(/^[a-z][a-z0-9-]{0,63}$/.test(name), 'the name of a slot is malformed');
  need(role === 'root' || role === 'intermediate', `the role of slot ${name} is unknown`);
  need(origin === 'self-managed' || origin === 'plugged', `the origin of slot ${name} is unknown`);
  need(states.includes(state), `the state of slot ${name} is unknown`);
  if (certificatePem === undefined) {
    need(state === 'prepared', `slot ${name} has no certificate`);
    return { name, role, origin, state };
  }
  const [certificate, ...more] = parseCertificatesPem(certificatePem);
  if (certificate === undefined || more.length > 0) throw new Error(`slot ${name} has not one certificate`);
  return { name, role, origin, state, certificate };
}

function need(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}
