import type { AuthorityEntry } from './authority-entry.ts';
import { serialShort } from './serial.ts';
import type { Alarm, SigningSource } from './signing-state.ts';
import { authorityId, type CertificateRole, type SlotState } from './slot.ts';

/** One certificate of the authority as metrics and `get roots` show it. */
export interface AuthorityCertificateStatus {
  readonly role: CertificateRole;
  readonly state: SlotState;
  readonly authorityId: string;
  readonly serial: string;
  readonly serialShort: string;
  readonly sha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly renewsAt?: number;
  readonly expired: boolean;
  /** Less than a sixth of its life is left and nobody but the operator can renew it. */
  readonly endsSoon: boolean;
}

export interface AuthorityStatus {
  readonly kind: SigningSource['kind'];
  readonly trustDomain: string;
  /** False when what signs has ended: readiness says so, since every request would be refused. */
  readonly ready: boolean;
  readonly notReadyReason?: string;
  readonly bundleSequence: bigint;
  readonly issuerId: string;
  readonly authorities: readonly AuthorityCertificateStatus[];
  /** SHA-256 of the roots, lower-case hex: what a newcomer pins (D25). */
  readonly rootFingerprints: readonly string[];
  readonly alarms: readonly Alarm[];
}

export function describeSource(source: SigningSource, now: number): AuthorityStatus {
  const state = source.current();
  const ended = now >= state.signsUntil;
  const endedAt = new Date(state.signsUntil).toISOString();
  return {
    kind: source.kind,
    trustDomain: state.bundle.trustDomain,
    ready: !ended,
    ...(ended ? { notReadyReason: `the signing certificate has expired at ${endedAt}` } : {}),
    bundleSequence: state.bundle.sequence,
    issuerId: state.issuerId,
    authorities: state.authorities.map((entry) => describe(entry, now)),
    rootFingerprints: state.roots.map((root) => root.sha256),
    alarms: source.alarms(),
  };
}

function describe(
  { role, state, certificate, renewsAt }: AuthorityEntry,
  now: number,
): AuthorityCertificateStatus {
  const { serial, sha256, notBefore, notAfter } = certificate;
  return {
    role,
    state,
    authorityId: authorityId(certificate),
    serial,
    serialShort: serialShort(serial),
    sha256,
    notBefore,
    notAfter,
    ...(renewsAt === undefined ? {} : { renewsAt }),
    expired: now > notAfter,
    endsSoon: state === 'active' && renewsAt === undefined && notAfter - now < (notAfter - notBefore) / 6,
  };
}
