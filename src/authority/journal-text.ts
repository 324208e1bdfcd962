import { isTrustDomain, type JwtBundleKey, type TrustDomain } from '../spiffe/index.ts';
import { formatCertificatePem, parseCertificatesPem } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import type { Journal } from './journal.ts';
import type { RotationOrder, RotationOrders } from './rotation/model.ts';
import type { AuthorityRole, JwtAuthorityKey, Slot, SlotState, Verdict } from './slot.ts';

interface StoredSlot extends Omit<Slot, 'certificate' | 'published'> {
  readonly certificatePem?: string;
  readonly published?: { readonly at: number; readonly sequence: string };
}

interface StoredJournal {
  readonly format: 'castellan-authority-journal';
  readonly version: 1 | 2;
  readonly trustDomain: string;
  readonly nextSlot: number;
  readonly bundle: {
    readonly sequence: string;
    readonly rootsPem: string;
    /** Absent in version 1. */
    readonly jwtKeys?: readonly JwtBundleKey[];
  };
  readonly slots: readonly StoredSlot[];
  /** Absent in version 1, as the next. */
  readonly orders?: RotationOrders;
  readonly crlNumber?: string;
}

export function formatJournal(journal: Journal): string {
  const stored: StoredJournal = {
    format: 'castellan-authority-journal',
    version: 2,
    trustDomain: journal.trustDomain,
    nextSlot: journal.nextSlot,
    bundle: {
      sequence: journal.bundle.sequence.toString(),
      rootsPem: journal.bundle.roots.map((root) => formatCertificatePem(root.der)).join(''),
      jwtKeys: journal.bundle.jwtKeys,
    },
    slots: journal.slots.map(({ certificate, published, ...slot }) => ({
      ...slot,
      ...(published === undefined
        ? {}
        : { published: { at: published.at, sequence: published.sequence.toString() } }),
      ...(certificate === undefined ? {} : { certificatePem: formatCertificatePem(certificate.der) }),
    })),
    orders: journal.orders,
    crlNumber: journal.crlNumber.toString(),
  };
  return `${JSON.stringify(stored, null, 2)}\n`;
}

/** Reads what `formatJournal` wrote, of this version or the one before; throws AUTHORITY_JOURNAL_DAMAGED. */
export function parseJournal(text: string): Journal {
  try {
    const stored = JSON.parse(text) as StoredJournal;
    need(stored.format === 'castellan-authority-journal', 'it is not a journal of an authority');
    need(
      stored.version === 1 || stored.version === 2,
      `it has version ${String(stored.version)}, this castellan reads versions 1 and 2`,
    );
    need(isTrustDomain(stored.trustDomain), 'the trust domain is malformed');
    need(Number.isSafeInteger(stored.nextSlot) && stored.nextSlot > 0, 'the slot number is malformed');
    return {
      trustDomain: stored.trustDomain as TrustDomain,
      nextSlot: stored.nextSlot,
      bundle: {
        sequence: parseCount(stored.bundle.sequence, 'the bundle sequence'),
        roots: parseCertificatesPem(stored.bundle.rootsPem),
        jwtKeys: (stored.bundle.jwtKeys ?? []).map(parseBundleKey),
      },
      slots: stored.slots.map(parseSlot),
      orders: parseOrders(stored.orders ?? {}),
      crlNumber: parseCount(stored.crlNumber ?? '0', 'the number of the revocation lists'),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown';
    throw authorityErrors.AUTHORITY_JOURNAL_DAMAGED({
      message: `the journal of the authority cannot be read (${why})`,
      cause,
    });
  }
}

const states: readonly SlotState[] = ['prepared', 'active', 'old', 'retired'];
const roles: readonly AuthorityRole[] = ['root', 'intermediate', 'jwt'];

function parseSlot(stored: StoredSlot): Slot {
  const { name, role, origin, state, certificatePem, jwtKey } = stored;
  need(/^[a-z][a-z0-9-]{0,63}$/.test(name), 'the name of a slot is malformed');
  need(roles.includes(role), `the role of slot ${name} is unknown`);
  need(origin === 'self-managed' || origin === 'plugged', `the origin of slot ${name} is unknown`);
  need(states.includes(state), `the state of slot ${name} is unknown`);
  const slot: Slot = { name, role, origin, state, ...parseHistory(stored) };
  if (jwtKey !== undefined) {
    need(role === 'jwt', `slot ${name} is not for JWTs and has a JWT key`);
    return { ...slot, jwtKey: parseJwtKey(jwtKey, name) };
  }
  if (certificatePem === undefined) {
    need(state === 'prepared' || state === 'retired', `slot ${name} has no certificate`);
    return slot;
  }
  need(role !== 'jwt', `slot ${name} is for JWTs and has a certificate`);
  const [certificate, ...more] = parseCertificatesPem(certificatePem);
  if (certificate === undefined || more.length > 0) throw new Error(`slot ${name} has not one certificate`);
  return { ...slot, certificate };
}

function parseHistory(stored: StoredSlot): Partial<Slot> {
  const { name, published, activatedAt, steppedDownAt, taint, revoked, keyDestroyed } = stored;
  for (const at of [published?.at, activatedAt, steppedDownAt, taint?.at, revoked?.at])
    need(at === undefined || Number.isSafeInteger(at), `a time of slot ${name} is malformed`);
  return {
    ...(published === undefined
      ? {}
      : {
          published: {
            at: published.at,
            sequence: parseCount(published.sequence, `the publication of slot ${name}`),
          },
        }),
    ...(activatedAt === undefined ? {} : { activatedAt }),
    ...(steppedDownAt === undefined ? {} : { steppedDownAt }),
    ...(taint === undefined ? {} : { taint: parseVerdict(taint) }),
    ...(revoked === undefined ? {} : { revoked: parseVerdict(revoked) }),
    ...(keyDestroyed === true ? { keyDestroyed } : {}),
  };
}

function parseVerdict({ at, reason }: Verdict): Verdict {
  need(typeof reason === 'string', 'a reason is malformed');
  return { at, reason };
}

const modes: readonly RotationOrder['mode'][] = ['scheduled', 'stepped', 'running', 'forced'];

function parseOrders(stored: RotationOrders): RotationOrders {
  for (const [role, order] of Object.entries(stored)) {
    need((roles as readonly string[]).includes(role), 'an order is for an unknown kind of key');
    need(modes.includes(order.mode) && Number.isSafeInteger(order.startedAt), 'an order is malformed');
    need(typeof order.reason === 'string' && typeof order.isPaused === 'boolean', 'an order is malformed');
    need(
      order.leftBehind.every((name) => typeof name === 'string'),
      'an order is malformed',
    );
  }
  return stored;
}

function parseCount(text: string, what: string): bigint {
  need(/^\d{1,18}$/.test(text), `${what} is malformed`);
  return BigInt(text);
}

function parseJwtKey(key: JwtAuthorityKey, name: string): JwtAuthorityKey {
  const { kid, jwk, notBefore, notAfter } = key;
  parseBundleKey({ kid, jwk });
  need(Number.isSafeInteger(notBefore) && Number.isSafeInteger(notAfter), `the times of slot ${name}`);
  return { kid, jwk, notBefore, notAfter };
}

/** Private members never lie in the journal: one that does is not ours. */
const publicMembers: ReadonlySet<string> = new Set(['kty', 'crv', 'x', 'y', 'n', 'e', 'kid']);

function parseBundleKey({ kid, jwk }: JwtBundleKey): JwtBundleKey {
  need(typeof kid === 'string' && /^[0-9a-f]{8,128}$/.test(kid), 'the name of a JWT key is malformed');
  need(
    Object.entries(jwk).every(([member, value]) => publicMembers.has(member) && typeof value === 'string'),
    'a JWT key has members that do not belong there',
  );
  return { kid, jwk };
}

function need(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}
