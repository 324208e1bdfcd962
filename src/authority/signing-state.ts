import type { TrustBundle, TrustDomain } from '../spiffe/index.ts';
import { type Certificate, type Crl, formatCertificatePem, type Issuer } from '../x509/index.ts';
import type { Journal } from './journal.ts';
import type { JwtAuthority } from './jwt-authority.ts';
import { authorityId, type CertificateRole, type SlotState } from './slot.ts';

/** One certificate of the authority, for status, metrics and the search for issuers. */
export interface AuthorityEntry {
  readonly role: CertificateRole;
  readonly state: SlotState;
  readonly certificate: Certificate;
  /** When it renews itself; absent when someone else has to. */
  readonly renewsAt?: number;
}

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
  close(): Promise<void>;
}

export interface StateChange {
  readonly before: SigningState;
  readonly after: SigningState;
}

/** Seconds after which a reader of the bundle should look again (B-03): the standard's five minutes. */
export const defaultRefreshHintSeconds = 300;

export interface SigningParts {
  readonly trustDomain: TrustDomain;
  readonly issuer: Issuer;
  readonly signsUntil: number;
  readonly middle: readonly Certificate[];
  readonly bundle: Journal['bundle'];
  readonly crls: readonly Crl[];
  readonly authorities: readonly AuthorityEntry[];
  readonly jwt: JwtAuthority;
}

export function makeSigningState(parts: SigningParts): SigningState {
  const { trustDomain, issuer, signsUntil, middle, bundle, crls, authorities, jwt } = parts;
  return Object.freeze({
    issuer,
    issuerId: authorityId(issuer.certificate),
    signsUntil,
    middlePem: middle.map(({ der }) => formatCertificatePem(der)),
    roots: bundle.roots,
    rootsPem: bundle.roots.map(({ der }) => formatCertificatePem(der)).join(''),
    bundle: {
      trustDomain,
      sequence: bundle.sequence,
      x509Roots: bundle.roots.map(({ der }) => der),
      jwtKeys: bundle.jwtKeys,
      refreshHintSeconds: defaultRefreshHintSeconds,
    },
    crls,
    authorities,
    jwt,
  });
}
