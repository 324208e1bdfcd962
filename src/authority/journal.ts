import { toHex } from '../base/bytes.ts';
import type { JwtBundleKey, TrustDomain } from '../spiffe/index.ts';
import type { Certificate } from '../x509/index.ts';
import { isPublished } from './rotation/lines.ts';
import type { RotatingKey, RotationAction, RotationOrders, RotationState } from './rotation/model.ts';
import { activated, pruned, published, retired, withOrder } from './rotation/transitions.ts';
import { authorityId, type FilledSlot, isFilled, type JwtAuthorityKey, type Slot } from './slot.ts';

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
  readonly orders: RotationOrders;
  /** The number of the last revocation lists; 0 while there were none. */
  readonly crlNumber: bigint;
}

export function emptyJournal(trustDomain: TrustDomain): Journal {
  const bundle = { sequence: 0n, roots: [], jwtKeys: [] };
  return { trustDomain, nextSlot: 1, bundle, slots: [], orders: {}, crlNumber: 0n };
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

/** The journal with what the slot's key is for written down. */
export function withFilled(journal: Journal, name: string, filling: Certificate | JwtAuthorityKey): Journal {
  if (!journal.slots.some((slot) => slot.name === name)) throw new TypeError(`no slot ${name}`);
  const fill = (slot: Slot): Slot =>
    'kid' in filling ? { ...slot, jwtKey: filling } : { ...slot, certificate: filling };
  return { ...journal, slots: journal.slots.map((slot) => (slot.name === name ? fill(slot) : slot)) };
}

/** The journal with the slot active under its certificate; the one that was active in its place becomes old. */
export function withActivated(
  journal: Journal,
  name: string,
  { filling, at }: { readonly filling: Certificate | JwtAuthorityKey; readonly at: number },
): Journal {
  const filled = withFilled(journal, name, filling);
  return { ...filled, slots: activated(filled.slots, [name], at) };
}

/**
 * The journal with what its slots say published, and, of plugged-in material, these roots. Whatever is published for
 * the first time is marked with the sequence that the bundle has then; it rises only if something changed.
 */
export function withPublished(journal: Journal, at: number, foreignRoots?: readonly Certificate[]): Journal {
  const { sequence, roots: before, jwtKeys: keysBefore } = journal.bundle;
  const next = sequence + 1n;
  const slots = journal.slots.map((slot): Slot => {
    const isDue = slot.role !== 'intermediate' && (slot.state === 'active' || slot.state === 'old');
    if (!isDue || slot.published !== undefined) return slot;
    return { ...slot, published: { at, sequence: next } };
  });
  const inBundle = slots.filter(isPublished);
  const roots = foreignRoots ?? inBundle.filter(isFilled).map(({ certificate }) => certificate);
  const jwtKeys = inBundle.flatMap(({ jwtKey }) =>
    jwtKey === undefined ? [] : [{ kid: jwtKey.kid, jwk: jwtKey.jwk }],
  );
  const isSame =
    sequence > 0n && compareRoots(before, roots) === 'same' && kidsOf(keysBefore) === kidsOf(jwtKeys);
  return { ...journal, slots, bundle: { sequence: isSame ? sequence : next, roots, jwtKeys } };
}

function kidsOf(keys: readonly JwtBundleKey[]): string {
  return keys
    .map(({ kid }) => kid)
    .sort()
    .join();
}

/** What a step changes in the journal, all but the making of keys. */
export function withAction(
  journal: Journal,
  action: Exclude<RotationAction, { kind: 'prepare' }>,
  { at, foreignRoots }: { readonly at: number; readonly foreignRoots?: readonly Certificate[] | undefined },
): Journal {
  const publish = (next: Journal) => withPublished(next, at, foreignRoots);
  switch (action.kind) {
    case 'publish': {
      const publication = { at, sequence: journal.bundle.sequence + 1n };
      return publish({ ...journal, slots: published(journal.slots, action.name, publication) });
    }
    case 'activate':
      return publish({
        ...journal,
        slots: activated(journal.slots, action.names, at),
        orders: withOrder(journal.orders, action.role, undefined),
      });
    case 'retire':
      return publish({ ...journal, slots: retired(journal.slots, action.names) });
    case 'prune':
      return { ...journal, slots: pruned(journal.slots, action.name, action.forget) };
  }
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

/** The journal as a rotation sees it. */
export function rotationState(journal: Journal): RotationState {
  return { keys: journal.slots.map(keyOf), orders: journal.orders };
}

function keyOf({ certificate, jwtKey, ...history }: Slot): RotatingKey {
  if (jwtKey !== undefined)
    return { ...history, id: jwtKey.kid, notBefore: jwtKey.notBefore, notAfter: jwtKey.notAfter };
  if (certificate === undefined) return { ...history, id: '', notBefore: 0, notAfter: 0 };
  const { notBefore, notAfter, authorityKeyId } = certificate;
  const issuerId =
    history.role === 'intermediate' && authorityKeyId !== undefined ? toHex(authorityKeyId) : undefined;
  return { ...history, id: authorityId(certificate), notBefore, notAfter, issuerId };
}
