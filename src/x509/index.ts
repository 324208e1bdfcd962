/**
 * X.509, ours where it matters: a strict DER gate, keys by allow-list, CSRs, leaves from hand-written DER that are
 * linted before they are signed, authorities (built by @peculiar/x509 under our lints), CRLs, and our own path
 * validator. Bytes from outside give errors of kind `invalid`, or a refusal value from `validatePath`.
 */

export {
  buildIntermediate,
  buildRoot,
  type IntermediateRequest,
  type RootRequest,
} from './build-authority.ts';
export { buildCrl, type CrlEntry } from './build-crl.ts';
export { buildCsr, formatCsrPem } from './build-csr.ts';
export {
  type Certificate,
  isSelfIssued,
  isSignedBy,
  type PemLimits,
  parseCertificate,
  parseCertificatesPem,
  serialHex,
} from './certificate.ts';
export { parseCertificatesDer } from './certificates-der.ts';
export { Crl, parseCrl, parseCrlsPem } from './crl.ts';
export { Csr, parseCsrDer, parseCsrPem, type RequestedNames } from './csr.ts';
export { checkDer, type DerLimits } from './der-gate.ts';
export { type CertificateDescription, describeCertificate, lintCertificate } from './describe.ts';
export { x509Errors } from './errors.ts';
export type { KeyUsage } from './extensions.ts';
export type { SubjectAltName } from './general-names.ts';
export { formatIp, parseIp } from './ip-address.ts';
export { IssuedLeaf, type Issuer, issueLeaf } from './issue-leaf.ts';
export { type LeafProfile, type LeafRequest, leafProfile } from './leaf-profile.ts';
export type { LintContext, LintFinding } from './lint.ts';
export { commonNameOf, formatName } from './name.ts';
export { type PathReason, pathReasons } from './path-reasons.ts';
export { formatCertificatePem, formatCrlPem, formatPem } from './pem.ts';
export {
  defaultKeyPolicy,
  type KeyAlgorithm,
  type KeyPolicy,
  type PublicKey,
  parsePublicKey,
  readPublicKey,
} from './public-key.ts';
export { localSigner, publicKeyOf, type Signer } from './signer.ts';
export {
  type InvalidPath,
  type MachinePathOptions,
  type PathOptions,
  type Purpose,
  type ValidPath,
  validateMachinePath,
  validatePath,
} from './validate-path.ts';
