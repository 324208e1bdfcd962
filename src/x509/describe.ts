import { toHex } from '../base/bytes.ts';
import { SpiffeId } from '../spiffe/index.ts';
import type { Certificate } from './certificate.ts';
import { readCertificateStructure } from './certificate-structure.ts';
import { checkDer } from './der-gate.ts';
import { certificateLimits } from './limits.ts';
import { findLints, type LintContext, type LintFinding } from './lint.ts';
import { authorityRules } from './lint-authority.ts';
import { leafRules } from './lint-leaf.ts';
import { formatName } from './name.ts';
import { oidNames } from './oids.ts';

/** A certificate in words and JSON types, for `inspect`. */
export interface CertificateDescription {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly spiffeId?: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** Such as `P-256` or `RSA 2048`. */
  readonly key: string;
  readonly signatureAlgorithm: string;
  readonly isAuthority: boolean;
  readonly pathLength?: number;
  readonly keyUsage: readonly string[];
  readonly extKeyUsage: readonly string[];
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  /** Extensions in order, by name where they have one, critical ones marked `!`. */
  readonly extensions: readonly string[];
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: string;
  readonly sha256: string;
  readonly spkiSha256: string;
}

export function describeCertificate(certificate: Certificate): CertificateDescription {
  const { san, publicKey } = certificate;
  const [uri] = san?.uris.length === 1 ? san.uris : [];
  const spiffeId = uri === undefined ? undefined : SpiffeId.tryParse(uri)?.uri;
  return {
    subject: formatName(certificate.subjectDer),
    issuer: formatName(certificate.issuerDer),
    serial: certificate.serial,
    ...(spiffeId === undefined ? {} : { spiffeId }),
    notBefore: new Date(certificate.notBefore).toISOString(),
    notAfter: new Date(certificate.notAfter).toISOString(),
    key: publicKey.algorithm === 'RSA' ? `RSA ${publicKey.bits}` : publicKey.algorithm,
    signatureAlgorithm: certificate.signatureAlgorithm.name,
    isAuthority: certificate.isCa,
    ...(certificate.pathLength === undefined ? {} : { pathLength: certificate.pathLength }),
    keyUsage: [...(certificate.keyUsage ?? [])],
    extKeyUsage: (certificate.extKeyUsage ?? []).map((oid) => oidNames.get(oid) ?? oid),
    uris: san?.uris ?? [],
    dnsNames: san?.dnsNames ?? [],
    ips: san?.ips ?? [],
    emails: san?.emails ?? [],
    extensions: certificate.extensions.map(
      ({ oid, critical }) => `${oidNames.get(oid) ?? oid}${critical ? '!' : ''}`,
    ),
    ...(certificate.subjectKeyId === undefined ? {} : { subjectKeyId: toHex(certificate.subjectKeyId) }),
    ...(certificate.authorityKeyId === undefined
      ? {}
      : { authorityKeyId: toHex(certificate.authorityKeyId) }),
    sha256: certificate.sha256,
    spkiSha256: publicKey.spkiSha256,
  };
}

/**
 * What our lints say about any certificate, ours or foreign: as leaf, or as authority when basic constraints say
 * so. Facts in `context` (issuer, time, profile) wake the rules that need them. Never throws.
 */
export function lintCertificate(der: Uint8Array, context: LintContext = {}): LintFinding[] {
  try {
    checkDer(der, certificateLimits);
    const { tbsDer } = readCertificateStructure(der);
    const isAuthority = findLints(tbsDer, authorityRules, {}).every(({ lint }) => lint !== 'is_an_authority');
    return findLints(tbsDer, isAuthority ? authorityRules : leafRules, context);
  } catch (error) {
    return [{ lint: 'structure', severity: 'error', message: (error as Error).message }];
  }
}
