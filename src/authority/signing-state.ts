import type { Duration } from '../base/duration.ts';
import type { TrustBundle, TrustDomain } from '../spiffe/index.ts';
import { type Certificate, type Crl, formatCertificatePem, type Issuer } from '../x509/index.ts';
import type { AuthorityEntry } from './authority-entry.ts';
import type { RevocationList, RevokedLeaf } from './crl-keeper.ts';
import type { Journal } from './journal.ts';
import type { JwtAuthority } from './jwt-authority.ts';
import type { RotationState } from './rotation/model.ts';
import type { RotationEvent, Rotator } from './rotator.ts';
import { authorityId } from './slot.ts';

/** What signs and what is trusted, as one value: replaced whole, so a request sees one or the other. */
export interface SigningState {
  readonly issuer: Issuer;
  readonly issuerId: string;
  /** Leaves are cut to this: the signer's end, or that of something above it that ends earlier. */
  readonly signsUntil: number;
  /** What stands between leaf and roots in every answer, one PEM certificate a string (§1.5). */
  readonly middlePem: readonly string[];
  readonly roots: readonly Certificate[];
  readonly rootsPem: string;
  readonly bundle: TrustBundle;
  readonly crls: readonly Crl[];
  readonly authorities: readonly AuthorityEntry[];
  readonly jwt: JwtAuthority;
  /** What all of this was made from. */
  readonly journal: Journal;
}

/** Something an operator should look at although the authority goes on. */
export interface Alarm {
  readonly code: string;
  readonly message: string;
  readonly since: number;
}

/** Where the signing state comes from: our own hierarchy or plugged-in material. */
export interface SigningSource {
  readonly kind: 'self-managed' | 'plugged';
  current(): SigningState;
  alarms(): readonly Alarm[];
  /** Renews or reads again what is due; resolves when it is in place or has failed (then there is an alarm). */
  checkNow(): Promise<void>;
  onChange(listener: (change: StateChange) => void): Disposable;
  /** Changes the journal while nobody else does, then takes up what came of it. */
  operate<T>(work: (rotator: Rotator) => Promise<T>): Promise<T>;
  /** Looks while nobody changes anything. */
  inspect<T>(work: (rotator: Rotator) => Promise<T>): Promise<T>;
  rotationState(): RotationState;
  revocationLists(): readonly RevocationList[];
  setRevokedLeaves(leaves: readonly RevokedLeaf[]): Promise<void>;
  /** Each step that was made durable, by whomever. */
  onRotation(listener: (event: RotationEvent) => void): Disposable;
  close(): Promise<void>;
}

export interface StateChange {
  readonly before: SigningState;
  readonly after: SigningState;
}

/**
 * Seconds after which a reader of the bundle should look again (B-03): the standard's five minutes, less where leaves
 * live so shortly that a change must be known sooner.
 */
export function refreshHintFor(leafLifetime: Duration): number {
  return Math.max(1, Math.min(300, Math.floor(leafLifetime / 20_000)));
}

export interface SigningParts {
  readonly trustDomain: TrustDomain;
  readonly issuer: Issuer;
  readonly signsUntil: number;
  readonly middle: readonly Certificate[];
  readonly refreshHintSeconds: number;
  readonly journal: Journal;
  /** Of plugged-in material: the roots in the order of their file. */
  readonly roots?: readonly Certificate[];
  readonly crls: readonly Crl[];
  readonly authorities: readonly AuthorityEntry[];
  readonly jwt: JwtAuthority;
}

export function makeSigningState(parts: SigningParts): SigningState {
  const { trustDomain, issuer, signsUntil, middle, journal, crls, authorities, jwt } = parts;
  const { roots = journal.bundle.roots } = parts;
  return Object.freeze({
    issuer,
    issuerId: authorityId(issuer.certificate),
    signsUntil,
    middlePem: middle.map(({ der }) => formatCertificatePem(der)),
    roots,
    rootsPem: roots.map(({ der }) => formatCertificatePem(der)).join(''),
    bundle: {
      trustDomain,
      sequence: journal.bundle.sequence,
      x509Roots: roots.map(({ der }) => der),
      jwtKeys: journal.bundle.jwtKeys,
      refreshHintSeconds: parts.refreshHintSeconds,
    },
    crls,
    authorities,
    jwt,
    journal,
  });
}
