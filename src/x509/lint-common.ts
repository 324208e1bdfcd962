import { equalBytes } from '../base/bytes.ts';
import { isCritical } from './certificate-structure.ts';
import { findDuplicate } from './extensions.ts';
import { type LintRule, rule } from './lint.ts';
import { oids } from './oids.ts';
import { hasAllowedShape, keyIdOf } from './public-key.ts';
import { findSignatureAlgorithm, signatureAlgorithmOf } from './signature-algorithm.ts';

const emptyNameBytes = 2;

/** Rules that leaves and authorities share. */
export const commonRules: readonly LintRule[] = [
  rule('version_is_v3', 'the version is not 3', ({ tbs }) => tbs.version === 2),
  rule(
    'serial_is_positive',
    'the serial number is zero or negative',
    ({ tbs }) => (tbs.serial[0] as number) < 0x80 && tbs.serial.some((octet) => octet !== 0),
  ),
  rule(
    'serial_fits_20_octets',
    'the serial number is longer than 20 octets',
    ({ tbs }) => tbs.serial.length <= 20,
  ),
  rule(
    'signature_algorithm_allowed',
    'the signature algorithm is not allowed',
    ({ tbs }) => findSignatureAlgorithm(tbs.signatureAlgorithmDer) !== undefined,
  ),
  rule(
    'signature_algorithm_fits_issuer',
    'the signature algorithm is not the one of the issuer’s key',
    ({ tbs, context: { issuer } }) =>
      issuer === undefined ||
      equalBytes(tbs.signatureAlgorithmDer, signatureAlgorithmOf(issuer.publicKey.algorithm).der),
  ),
  rule(
    'issuer_is_issuers_subject',
    'the issuer name is not the subject of the issuing certificate',
    ({ tbs, context: { issuer } }) => issuer === undefined || equalBytes(tbs.issuerDer, issuer.subjectDer),
  ),
  rule('issuer_is_named', 'the issuer name is empty', ({ tbs }) => tbs.issuerDer.length > emptyNameBytes),
  rule('validity_in_order', 'the validity ends before it begins', ({ tbs }) => tbs.notBefore < tbs.notAfter),
  rule(
    'validity_has_begun',
    'the validity begins in the future',
    ({ tbs, context: { now } }) => now === undefined || tbs.notBefore <= now,
  ),
  rule(
    'ends_with_issuer',
    'the validity ends after the issuing certificate',
    ({ tbs, context: { issuer } }) => issuer === undefined || tbs.notAfter <= issuer.notAfter,
  ),
  rule(
    'no_unique_ids',
    'it carries a unique identifier of issuer or subject',
    ({ tbs }) => !tbs.hasUniqueIds,
  ),
  rule(
    'no_duplicate_extension',
    'an extension occurs twice',
    ({ tbs }) => findDuplicate(tbs.extensions) === undefined,
  ),
  rule(
    'no_unknown_critical_extension',
    'a critical extension is not one of RFC 5280 that SPIFFE uses',
    ({ known }) => known.unknownCriticalOids.length === 0,
  ),
  rule('key_allowed', 'the public key has none of the allowed encodings', ({ tbs }) =>
    hasAllowedShape(tbs.spkiDer),
  ),
  rule(
    'key_usage_critical',
    'key usage is absent or not critical',
    ({ tbs, known }) => known.keyUsage !== undefined && isCritical(tbs.extensions, oids.keyUsage),
  ),
  rule(
    'basic_constraints_critical',
    'basic constraints are absent or not critical',
    ({ tbs, known }) =>
      known.basicConstraints !== undefined && isCritical(tbs.extensions, oids.basicConstraints),
  ),
  rule(
    'subject_key_id_is_key_hash',
    'the subject key identifier is absent or not the truncated SHA-256 of the key',
    ({ tbs, known, context }) =>
      known.subjectKeyId !== undefined &&
      hasAllowedShape(tbs.spkiDer) &&
      equalBytes(known.subjectKeyId, context.keyId ?? keyIdOf(tbs.spkiDer)),
    'warning',
  ),
  rule(
    'key_ids_not_critical',
    'a key identifier is critical',
    ({ tbs }) =>
      !isCritical(tbs.extensions, oids.subjectKeyId) && !isCritical(tbs.extensions, oids.authorityKeyId),
  ),
  rule(
    'key_is_the_one_asked_for',
    'the public key is another than the one asked for',
    ({ tbs, context: { spkiDer } }) => spkiDer === undefined || equalBytes(tbs.spkiDer, spkiDer),
  ),
];
