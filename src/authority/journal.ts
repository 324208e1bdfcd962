import type { JwtBundleKey, TrustDomain } from '../spiffe/index.ts';
import type { Certificate } from '../x509/index.ts';
import { type FilledSlot, isFilled, type JwtAuthorityKey, type Slot } from './slot.ts';

/**
 * What the authority must remember: which keys exist, what each is for, and how far the bundle has counted. It is
 * written before a key is made and before a key is used; a crash between any two steps resumes from it.
 */
export interface Journal {
  readonly trustDomain: TrustDomain;
  /** The number that the next slot's name gets; names are never used twice. */
  readonly nextSlot: number;
  readonly bundle: {
    /** Rises by one with every change of what is published (B-02). */
    readonly sequence: bigint;
    readonly roots: readonly Certificate[];
    readonly jwtKeys: readonly JwtBundleKey[];
  };
  readonly slots: readonly Slot[];
}

export function emptyJournal(trustDomain: TrustDomain): Journal {
  return { trustDomain, nextSlot: 1, bundle: { sequence: 0n, roots: [], jwtKeys: [] }, slots: [] };
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
export function withActivated(
  journal: Journal,
  name: string,
  filling: Certificate | JwtAuthorityKey,
): Journal {
  const chosen = journal.slots.find((slot) => slot.name === name);
  if (chosen === undefined) throw new TypeError(`no slot ${name}`);
  const slots = journal.slots.map((slot): Slot => {
    if (slot === chosen)
      return 'kid' in filling
        ? { ...slot, state: 'active', jwtKey: filling }
        : { ...slot, state: 'active', certificate: filling };
    const steppedDown = slot.role === chosen.role && slot.origin === chosen.origin && slot.state === 'active';
    return steppedDown ? { ...slot, state: 'old' } : slot;
  });
  return { ...journal, slots };
}

/** The journal with these roots and its JWT keys published; the sequence rises only if something changed. */
export function withPublished(journal: Journal, roots: readonly Certificate[]): Journal {
  const { sequence, roots: before, jwtKeys: keysBefore } = journal.bundle;
  const jwtKeys = journal.slots.flatMap(({ jwtKey }) =>
    jwtKey === undefined ? [] : [{ kid: jwtKey.kid, jwk: jwtKey.jwk }],
  );
  const isSame =
    sequence > 0n && compareRoots(before, roots) === 'same' && kidsOf(keysBefore) === kidsOf(jwtKeys);
  return { ...journal, bundle: { sequence: isSame ? sequence : sequence + 1n, roots, jwtKeys } };
}

function kidsOf(keys: readonly JwtBundleKey[]): string {
  return keys
    .map(({ kid }) => kid)
    .sort()
    .join();
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
