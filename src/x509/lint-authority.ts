import { equalBytes } from '../base/bytes.ts';
import { type LintRule, rule } from './lint.ts';
import { commonRules } from './lint-common.ts';

/** X509-SVID §4 for signing certificates: roots and intermediates. */
export const authorityRules: readonly LintRule[] = [
  ...commonRules,
  rule(
    'is_an_authority',
    'basic constraints do not say it is an authority',
    ({ known }) => known.basicConstraints?.isCa === true,
  ),
  rule(
    'signs_certificates',
    'key usage lacks keyCertSign',
    ({ known }) => known.keyUsage?.has('keyCertSign') === true,
  ),
  rule(
    'signs_crls',
    'key usage lacks cRLSign',
    ({ known }) => known.keyUsage?.has('cRLSign') === true,
    'warning',
  ),
  rule(
    'authority_does_only_that',
    'key usage has more than keyCertSign and cRLSign',
    ({ known }) => [...(known.keyUsage ?? [])].every((use) => use === 'keyCertSign' || use === 'cRLSign'),
    'warning',
  ),
  rule('subject_is_named', 'the subject of an authority is empty', ({ tbs }) => tbs.subjectDer.length > 2),
  rule(
    'spiffe_id_has_no_path',
    'the SPIFFE ID of an authority has a path (X-06)',
    (view) => view.known.san === undefined || view.uriId?.path === '',
  ),
  rule(
    'is_an_svid',
    'it carries no SPIFFE ID of its trust domain (X-05)',
    ({ known }) => known.san !== undefined,
    'warning',
  ),
  rule(
    'authority_key_id_is_issuers',
    'the authority key identifier is not the issuer’s',
    ({ known, context: { issuer } }) =>
      issuer === undefined ||
      (known.authorityKeyId !== undefined &&
        equalBytes(known.authorityKeyId, issuer.subjectKeyId ?? issuer.publicKey.keyId)),
  ),
  rule(
    'no_ext_key_usage',
    'an authority is limited to some purposes',
    ({ known }) => known.extKeyUsage === undefined,
    'warning',
  ),
];
