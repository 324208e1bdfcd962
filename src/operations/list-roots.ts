import type { TrustBundle, TrustDomain } from '../spiffe/index.ts';
import { type Certificate, formatCertificatePem, formatName } from '../x509/index.ts';

/** What an operator may see of the authority. */
export interface AuthorityView {
  readonly trustDomain: TrustDomain;
  bundle(): TrustBundle;
  roots(): readonly Certificate[];
  status(): AuthorityFacts;
}

export interface AuthorityFacts {
  readonly kind: string;
  readonly ready: boolean;
  readonly notReadyReason?: string;
  readonly issuerId: string;
  readonly authorities: readonly AuthorityCertificateFacts[];
  readonly alarms: readonly { readonly code: string; readonly message: string; readonly since: number }[];
}

export interface AuthorityCertificateFacts {
  readonly role: 'root' | 'intermediate';
  readonly state: string;
  readonly authorityId: string;
  readonly serial: string;
  readonly sha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly renewsAt?: number;
}

/** A certificate of the authority. Roots that are published but no longer ours to sign with are `trusted`. */
export interface AuthorityCertificate extends Omit<AuthorityCertificateFacts, 'renewsAt'> {
  readonly renewsAt: number | undefined;
  readonly subject: string | undefined;
  /** Only of roots: what a newcomer needs to trust this domain. */
  readonly certificatePem: string | undefined;
}

/** Roots first, then what signs under them; within a role by the end of their life. */
export function listRoots(authority: AuthorityView): readonly AuthorityCertificate[] {
  const { authorities } = authority.status();
  const published = authority.roots();
  const known = authorities.map((facts) => {
    const root = published.find(({ sha256 }) => sha256 === facts.sha256);
    return describe(facts, root);
  });
  const foreign = published
    .filter(({ sha256 }) => !authorities.some((facts) => facts.sha256 === sha256))
    .map((root) =>
      describe(
        {
          role: 'root',
          state: 'trusted',
          authorityId: Buffer.from(root.subjectKeyId ?? root.publicKey.keyId).toString('hex'),
          serial: root.serial,
          sha256: root.sha256,
          notBefore: root.notBefore,
          notAfter: root.notAfter,
        },
        root,
      ),
    );
  const rank = ({ role }: AuthorityCertificate) => (role === 'root' ? 0 : 1);
  return [...known, ...foreign].sort((a, b) => rank(a) - rank(b) || a.notAfter - b.notAfter);
}

function describe(facts: AuthorityCertificateFacts, root: Certificate | undefined): AuthorityCertificate {
  return {
    ...facts,
    renewsAt: facts.renewsAt,
    subject: root === undefined ? undefined : formatName(root.subjectDer),
    certificatePem: root === undefined ? undefined : formatCertificatePem(root.der),
  };
}
