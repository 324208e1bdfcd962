import { equalBytes } from '../base/bytes.ts';
import { isCritical } from './certificate-structure.ts';
import { type LintRule, type LintView, rule } from './lint.ts';
import { commonRules } from './lint-common.ts';
import { readName } from './name.ts';
import { oids } from './oids.ts';

const maxLeafBytes = 4096;
/** A wildcard is the whole first label, or there is none. */
const hostName =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const leafOrder: readonly string[] = [
  oids.keyUsage,
  oids.extKeyUsage,
  oids.basicConstraints,
  oids.subjectKeyId,
  oids.authorityKeyId,
  oids.subjectAltName,
];

/** X509-SVID §4 and our profile, rule by rule, for leaves. */
export const leafRules: readonly LintRule[] = [
  ...commonRules,
  rule(
    'lifetime_within_maximum',
    'the validity is longer than the profile allows',
    ({ tbs, context: { profile } }) =>
      profile === undefined || tbs.notAfter - tbs.notBefore <= profile.maxLifetimeMs,
  ),
  rule(
    'one_uri',
    'there is not exactly one URI among the names',
    ({ known }) => known.san?.uris.length === 1,
  ),
  rule('uri_is_spiffe_id', 'the URI is not a SPIFFE ID', (view) => view.uriId !== undefined),
  rule('spiffe_id_has_path', 'the SPIFFE ID has no path', (view) => view.uriId?.path !== ''),
  rule(
    'spiffe_id_in_trust_domain',
    'the SPIFFE ID is of another trust domain',
    (view) =>
      view.context.profile === undefined || view.uriId?.trustDomain === view.context.profile.trustDomain,
  ),
  rule(
    'spiffe_id_is_the_entitled_one',
    'the SPIFFE ID is another than the caller is entitled to',
    (view) => view.context.spiffeId === undefined || view.uriId?.equals(view.context.spiffeId) === true,
  ),
  rule(
    'san_critical_without_subject',
    'the names are not critical although the subject is empty',
    ({ tbs }) => tbs.subjectDer.length > 2 || isCritical(tbs.extensions, oids.subjectAltName),
  ),
  rule(
    'san_critical',
    'the names are not critical',
    ({ tbs }) => isCritical(tbs.extensions, oids.subjectAltName),
    'warning',
  ),
  rule('other_names_allowed', 'there are names beside the SPIFFE ID', hasOnlyAllowedNames, 'warning'),
  rule('dns_names_plain', 'a DNS name is no plain host name', ({ known }) =>
    (known.san?.dnsNames ?? []).every((name) => hostName.test(name)),
  ),
  rule(
    'not_an_authority',
    'basic constraints say it is an authority',
    ({ known }) => known.basicConstraints?.isCa === false,
  ),
  rule(
    'signs_digitally',
    'key usage lacks digitalSignature',
    ({ known }) => known.keyUsage?.has('digitalSignature') === true,
  ),
  rule(
    'signs_no_certificates',
    'key usage has keyCertSign or cRLSign',
    ({ known }) => known.keyUsage?.has('keyCertSign') !== true && known.keyUsage?.has('cRLSign') !== true,
  ),
  rule(
    'key_usage_of_profile',
    'key usage has more than digitalSignature and keyEncipherment',
    ({ known }) =>
      [...(known.keyUsage ?? [])].every((use) => use === 'digitalSignature' || use === 'keyEncipherment'),
    'warning',
  ),
  rule(
    'server_and_client',
    'extended key usage is not exactly serverAuth, clientAuth',
    ({ known }) =>
      known.extKeyUsage?.length === 2 &&
      known.extKeyUsage[0] === oids.serverAuth &&
      known.extKeyUsage[1] === oids.clientAuth,
  ),
  rule(
    'authority_key_id_is_issuers',
    'the authority key identifier is absent or not the issuer’s',
    hasIssuersKeyId,
  ),
  rule(
    'key_is_not_issuers',
    'the public key is the issuer’s own',
    ({ tbs, context: { issuer } }) =>
      issuer === undefined || !equalBytes(tbs.spkiDer, issuer.publicKey.spkiDer),
  ),
  rule(
    'subject_empty_or_name_asked_for',
    'the subject is neither empty nor the CN asked for',
    hasExpectedSubject,
  ),
  rule(
    'extensions_of_profile',
    'the extensions are not the profile’s six in its order',
    ({ tbs }) =>
      tbs.extensions.length === leafOrder.length &&
      tbs.extensions.every((extension, i) => extension.oid === leafOrder[i]),
    'warning',
  ),
  rule(
    'size_under_4_kib',
    'the certificate is 4 KiB or larger',
    ({ tbsDer, context }) => tbsDer.length + (context.signatureBytes ?? 0) + 32 < maxLeafBytes,
    'warning',
  ),
];

function hasOnlyAllowedNames({ known, context }: LintView): boolean {
  if (known.san === undefined || known.san.emails.length > 0 || known.san.others > 0) return false;
  const isAllowed = context.profile === undefined || context.profile.allowOtherNames;
  return isAllowed || (known.san.dnsNames.length === 0 && known.san.ips.length === 0);
}

function hasIssuersKeyId({ known, context: { issuer } }: LintView): boolean {
  if (known.authorityKeyId === undefined) return false;
  if (issuer === undefined) return true;
  return equalBytes(known.authorityKeyId, issuer.subjectKeyId ?? issuer.publicKey.keyId);
}

/** Without a profile (a foreign certificate) any subject is fine; otherwise it is what the request said. */
function hasExpectedSubject({ tbs, context }: LintView): boolean {
  if (context.profile === undefined) return true;
  if (context.commonName === undefined) return tbs.subjectDer.length === 2;
  const [attribute, ...rest] = readName(tbs.subjectDer);
  return (
    rest.length === 0 &&
    attribute?.oid === oids.commonName &&
    attribute.value === context.commonName &&
    attribute.value.length <= 64
  );
}
