import { SpiffeId } from '../spiffe/index.ts';
import type { Certificate } from './certificate.ts';
import { oids } from './oids.ts';
import { type Refusal, refusal } from './path-reasons.ts';

/** Exactly one URI, and it is a SPIFFE ID with a path. Other kinds of names do not matter. */
export function readSpiffeId(leaf: Certificate): SpiffeId | Refusal {
  const uris = leaf.san?.uris ?? [];
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1)
    return refusal('not_one_uri', `the certificate has ${uris.length} URIs among its names`);
  const id = SpiffeId.tryParse(uri);
  if (id === undefined) return refusal('not_a_spiffe_id', 'the URI of the certificate is not a SPIFFE ID');
  if (id.path === '')
    return refusal('no_path_in_id', 'the SPIFFE ID has no path: it names a signing authority');
  return id;
}

export interface LeafRules {
  readonly now: number;
  readonly purpose: 'client' | 'server';
  readonly requireExtKeyUsage?: boolean;
}

type LeafCheck = (leaf: Certificate, rules: LeafRules) => Refusal | undefined;

const checks: readonly LeafCheck[] = [
  checkValidity,
  checkNotAuthority,
  checkKeyUsage,
  checkPurpose,
  checkCriticals,
];

/** What X509-SVID §5.2 and RFC 5280 ask of a leaf by itself. */
export function checkLeaf(leaf: Certificate, rules: LeafRules): Refusal | undefined {
  for (const check of checks) {
    const problem = check(leaf, rules);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** RFC 5280 §4.1.2.5: both ends belong to the validity. */
export function checkValidity(
  certificate: Certificate,
  rules: { readonly now: number },
): Refusal | undefined {
  if (rules.now < certificate.notBefore)
    return refusal('not_yet_valid', `valid from ${new Date(certificate.notBefore).toISOString()}`);
  // notAfter names a whole second, all of which is inside.
  if (rules.now >= certificate.notAfter + 1000)
    return refusal('expired', `valid until ${new Date(certificate.notAfter).toISOString()}`);
  return undefined;
}

export function checkCriticals(certificate: Certificate): Refusal | undefined {
  const [oid] = certificate.unknownCriticalOids;
  return oid === undefined
    ? undefined
    : refusal('unknown_critical_extension', `the critical extension \`${oid}\` is not known here`);
}

function checkNotAuthority(leaf: Certificate): Refusal | undefined {
  return leaf.isCa ? refusal('leaf_is_authority', 'the leaf is a signing authority') : undefined;
}

/** neither keyCertSign nor cRLSign; and a key that may not sign cannot prove itself in TLS 1.3. */
function checkKeyUsage({ keyUsage }: Certificate): Refusal | undefined {
  if (keyUsage === undefined) return undefined;
  if (keyUsage.has('keyCertSign') || keyUsage.has('cRLSign'))
    return refusal('leaf_key_usage', 'the leaf may sign certificates or CRLs');
  return keyUsage.has('digitalSignature')
    ? undefined
    : refusal('leaf_key_usage', 'the leaf may not sign digitally');
}

/** Absent is allowed (X-15 is a SHOULD); anyExtendedKeyUsage is no substitute for the purpose (M07). */
function checkPurpose({ extKeyUsage }: Certificate, rules: LeafRules): Refusal | undefined {
  if (extKeyUsage === undefined)
    return rules.requireExtKeyUsage === true
      ? refusal('ext_key_usage', 'the leaf has no extended key usage')
      : undefined;
  if (extKeyUsage.includes(oids.anyExtendedKeyUsage))
    return refusal('ext_key_usage', 'the leaf is for any purpose');
  return extKeyUsage.includes(purposeOid(rules.purpose))
    ? undefined
    : refusal('ext_key_usage', `the leaf is not for use as a ${rules.purpose}`);
}

export function purposeOid(purpose: 'client' | 'server'): string {
  return purpose === 'client' ? oids.clientAuth : oids.serverAuth;
}
