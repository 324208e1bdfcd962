import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isCastellanError } from '../base/errors.ts';
import {
  type Certificate,
  type Crl,
  type Issuer,
  localSigner,
  parseCertificatesPem,
  parseCrlsPem,
  type Signer,
} from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { checkCrls, checkSigningChain } from './plugged-checks.ts';
import type { PluggedFiles } from './ports.ts';

/** Plugged-in CA material that was read and found fit to sign with. */
export interface PluggedMaterial {
  readonly issuer: Issuer;
  /** When the first certificate of the signer's path to its root ends. */
  readonly signsUntil: number;
  /** The chain file's certificates in its order, nothing removed (C2). */
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
  /** The one of them that the signer stands below. */
  readonly root: Certificate;
  readonly crls: readonly Crl[];
  readonly warnings: readonly string[];
}

/**
 * Reads and checks what an operator plugged in (csr-api.md §3.2): the key belongs to the certificate, which is a CA,
 * verifies to the roots, and is valid now; each CA of the chain has its CRL if CRLs are given (P1 … P3).
 */
export function parsePluggedMaterial(files: PluggedFiles, now: number): PluggedMaterial {
  const { names } = files;
  const [certificate] = parseCertificates(files.signingCertificatePem, names.certificate);
  if (certificate === undefined) throw unreadable(names.certificate, 'it holds no certificate');
  const signer = parseSigningKey(files.signingKeyPem, names.key);
  if (signer.publicKey.spkiSha256 !== certificate.publicKey.spkiSha256)
    throw authorityErrors.CACERTS_KEY_MISMATCH({
      message: `the key in \`${names.key}\` does not belong to the certificate in \`${names.certificate}\``,
    });
  const chain = parseCertificates(files.chainPem, names.chain);
  const roots = parseCertificates(files.rootsPem, names.roots);
  if (roots.length === 0) throw unreadable(names.roots, 'it holds no certificate');
  const noCa = roots.find((root) => !root.isCa);
  if (noCa !== undefined) throw notCa(names.roots);
  const path = checkSigningChain({ certificate, chain, roots }, { names, now });
  const crls = parseCrls(files.crlPem ?? '', names.crl);
  const warnings = [...files.warnings, ...checkCrls({ certificate, chain, crls }, { names, now })];
  const signsUntil = Math.min(...path.map((step) => step.notAfter));
  return {
    issuer: { certificate, signer },
    signsUntil,
    chain,
    roots: withoutRepetition(roots),
    root: path.at(-1) ?? certificate,
    crls,
    warnings,
  };
}

function parseCertificates(pem: string, file: string): Certificate[] {
  try {
    return parseCertificatesPem(pem);
  } catch (error) {
    throw unreadable(file, isCastellanError(error) ? error.message : 'not PEM', error);
  }
}

function parseCrls(pem: string, file: string): Crl[] {
  try {
    return parseCrlsPem(pem);
  } catch (error) {
    throw unreadable(file, isCastellanError(error) ? error.message : 'not PEM', error);
  }
}

const keyBlock =
  /-----BEGIN (EC |RSA |ENCRYPTED )?PRIVATE KEY-----[A-Za-z0-9+/=\s]{1,20000}-----END \1?PRIVATE KEY-----/;

/** SEC 1, PKCS #1 or PKCS #8, as Istio reads them; `openssl ecparam` puts a block with parameters in front. */
function parseSigningKey(pem: string, file: string): Signer {
  const found = keyBlock.exec(pem);
  if (found === null) throw unreadable(file, 'it holds no EC, RSA or PKCS #8 private key');
  if (found[1] === 'ENCRYPTED ')
    throw unreadable(file, 'the private key is encrypted, which Istio’s layout does not provide for');
  let key: KeyObject;
  try {
    key = createPrivateKey(found[0]);
  } catch {
    throw unreadable(file, 'the private key cannot be decoded');
  }
  try {
    return localSigner(key);
  } catch (error) {
    throw unreadable(file, isCastellanError(error) ? error.message : 'the key cannot be used', error);
  }
}

function withoutRepetition(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.sha256, certificate])).values()];
}

function unreadable(file: string, problem: string, cause?: unknown) {
  return authorityErrors.CACERTS_UNREADABLE({ message: `\`${file}\`: ${problem}`, cause });
}

function notCa(file: string) {
  return authorityErrors.CACERTS_NOT_A_CA({ message: `\`${file}\` holds a certificate that is not a CA` });
}
