import type { Certificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import { type Refusal, refusal } from './path-reasons.ts';

/**
 * Looks up every certificate below the root in the CRLs of its issuer. A listed serial is refused even when the
 * list is out of date; only `requireCrl` makes the absence of a current list a refusal (csr-api.md §3.7).
 */
export function checkRevocation(
  path: readonly Certificate[],
  rules: { readonly now: number; readonly crls?: readonly Crl[]; readonly requireCrl?: boolean },
): Refusal | undefined {
  const crls = rules.crls ?? [];
  if (crls.length === 0 && rules.requireCrl !== true) return undefined;
  for (let i = 0; i + 1 < path.length; i++) {
    const certificate = path[i] as Certificate;
    const issuer = path[i + 1] as Certificate;
    const lists = crls.filter((crl) => crl.isIssuedBy(issuer));
    if (lists.some((crl) => crl.isRevoked(certificate.serial)))
      return refusal('revoked', `the certificate with serial ${certificate.serial} is revoked`);
    if (rules.requireCrl === true && !lists.some((crl) => crl.isCurrent(rules.now)))
      return refusal('revocation_unknown', `no current CRL of the issuer of serial ${certificate.serial}`);
  }
  return undefined;
}
