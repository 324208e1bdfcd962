import { equalBytes } from '../base/bytes.ts';
import { type Certificate, isSelfIssued, isSignedBy } from './certificate.ts';
import type { Crl } from './crl.ts';
import { checkRevocation } from './crl-check.ts';
import { findConstrainedName } from './name-constraints.ts';
import { oids } from './oids.ts';
import { checkCriticals, checkValidity, purposeOid } from './path-leaf.ts';
import { type Refusal, refusal } from './path-reasons.ts';

/** Signature checks in one search: far above any honest chain, and some milliseconds of work at most (M08). */
const maxSignatureChecks = 48;
/** Authorities in one path, the root included. */
const maxAuthorities = 8;

export interface PathMaterial {
  readonly leaf: Certificate;
  readonly others: readonly Certificate[];
  readonly roots: readonly Certificate[];
}

export interface SearchRules {
  readonly now: number;
  readonly purpose: 'client' | 'server';
  readonly crls?: readonly Crl[];
  readonly requireCrl?: boolean;
}

type Found = { readonly ok: true; readonly path: readonly Certificate[] };

/**
 * Looks depth first for a path from the leaf to a root, roots first. Candidates are those whose subject is the
 * issuer's name, better key identifiers first; each certificate is used once in a path. When nothing is found the
 * first refusal stands: it belongs to the most likely candidate.
 */
export function searchPath(material: PathMaterial, rules: SearchRules): Found | Refusal {
  const search = new Search(material, rules);
  return search.extend([material.leaf]);
}

class Search {
  readonly #material: PathMaterial;
  readonly #rules: SearchRules;
  #signatureChecks = 0;

  constructor(material: PathMaterial, rules: SearchRules) {
    this.#material = material;
    this.#rules = rules;
  }

  extend(path: readonly Certificate[]): Found | Refusal {
    const subject = path[path.length - 1] as Certificate;
    if (path.length > maxAuthorities) return refusal('chain_too_long', 'the path has too many authorities');
    let first: Refusal | undefined;
    for (const root of candidates(this.#material.roots, subject)) {
      const problem = this.#accepts(root, path) ?? checkPath([...path, root], this.#rules);
      if (problem === undefined) return { ok: true, path: [...path, root] };
      if (problem.reason === 'too_much_work') return problem;
      first ??= problem;
    }
    for (const issuer of candidates(this.#material.others, subject)) {
      if (path.includes(issuer)) continue;
      const problem = this.#accepts(issuer, path);
      const found = problem ?? this.extend([...path, issuer]);
      if (found.ok || found.reason === 'too_much_work') return found;
      first ??= found;
    }
    return first ?? refusal('unknown_issuer', 'no certificate of the issuer is held or was presented');
  }

  /** What can be said about one step upwards; the signature last, since it costs most. */
  #accepts(issuer: Certificate, path: readonly Certificate[]): Refusal | undefined {
    const problem = checkAuthority(issuer, path, this.#rules);
    if (problem !== undefined) return problem;
    if (++this.#signatureChecks > maxSignatureChecks)
      return refusal('too_much_work', 'the chain takes too many signature checks');
    return isSignedBy(path[path.length - 1] as Certificate, issuer)
      ? undefined
      : refusal('bad_signature', 'a signature does not verify with the key of its issuer');
  }
}

/** Certificates whose subject is the issuer's name; those with the wanted key identifier first. */
function candidates(among: readonly Certificate[], subject: Certificate): Certificate[] {
  const named = among.filter((candidate) => equalBytes(candidate.subjectDer, subject.issuerDer));
  const wanted = subject.authorityKeyId;
  if (wanted === undefined || named.length < 2) return named;
  const hasKeyId = (candidate: Certificate) =>
    candidate.subjectKeyId !== undefined && equalBytes(candidate.subjectKeyId, wanted);
  return [...named.filter(hasKeyId), ...named.filter((candidate) => !hasKeyId(candidate))];
}

function checkAuthority(
  issuer: Certificate,
  path: readonly Certificate[],
  rules: SearchRules,
): Refusal | undefined {
  if (!issuer.isCa) return refusal('issuer_not_authority', 'an issuer is not a certificate authority');
  if (issuer.keyUsage !== undefined && !issuer.keyUsage.has('keyCertSign'))
    return refusal('issuer_key_usage', 'an issuer may not sign certificates');
  const purposes = issuer.extKeyUsage;
  if (
    purposes !== undefined &&
    !purposes.includes(purposeOid(rules.purpose)) &&
    !purposes.includes(oids.anyExtendedKeyUsage)
  )
    return refusal('ext_key_usage', `an issuer is not for use as a ${rules.purpose}`);
  return checkValidity(issuer, rules) ?? checkCriticals(issuer) ?? checkPathLength(issuer, path);
}

/** RFC 5280 §4.2.1.9: authorities between this one and the leaf, not counting self-issued ones. */
function checkPathLength(issuer: Certificate, path: readonly Certificate[]): Refusal | undefined {
  if (issuer.pathLength === undefined) return undefined;
  const between = path.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;
  return between > issuer.pathLength
    ? refusal('path_length', `${between} authorities stand below one that allows ${issuer.pathLength}`)
    : undefined;
}

/** What needs the whole path: name constraints of every authority on all below it, and revocation. */
function checkPath(path: readonly Certificate[], rules: SearchRules): Refusal | undefined {
  for (const [i, authority] of path.entries()) {
    if (authority.nameConstraints === undefined || i === 0) continue;
    for (const [j, below] of path.slice(0, i).entries()) {
      // §4.2.1.10: not applied to self-issued certificates, unless such a one is the leaf.
      if (j > 0 && isSelfIssued(below)) continue;
      const name = findConstrainedName(authority.nameConstraints, below);
      if (name !== undefined)
        return refusal('name_constraints', `an authority may not vouch for \`${name}\``);
    }
  }
  return checkRevocation(path, rules);
}
