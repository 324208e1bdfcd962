import { hash } from 'node:crypto';
import { equalBytes, toHex } from '../base/bytes.ts';
import { type CastellanError, isCastellanError } from '../base/errors.ts';
import {
  type CertificateStructure,
  decodeExtensions,
  readCertificateStructure,
} from './certificate-structure.ts';
import { checkDer } from './der-gate.ts';
import { plainBytes } from './der-reader.ts';
import { x509Errors } from './errors.ts';
import { type Extension, findDuplicate, type KeyUsage, type NameConstraints } from './extensions.ts';
import type { SubjectAltName } from './general-names.ts';
import { certificateLimits, maxBundleCertificates, maxBundlePemChars } from './limits.ts';
import { readName } from './name.ts';
import { readManyPem } from './pem.ts';
import { type PublicKey, readPublicKey } from './public-key.ts';
import { findSignatureAlgorithm, type SignatureAlgorithm, verifySignature } from './signature-algorithm.ts';

/** A certificate that was read strictly. Nothing is said about who signed it: that is `validatePath`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** Lower-case hex of the DER. */
  readonly sha256: string;
  readonly tbsDer: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Lower-case hex of the magnitude, without leading zero octets. */
  readonly serial: string;
  readonly subjectDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  /** Milliseconds since the epoch; both ends are inside the validity. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: PublicKey;
  readonly san?: SubjectAltName;
  readonly isCa: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: ReadonlySet<KeyUsage>;
  /** Dotted OIDs. */
  readonly extKeyUsage?: readonly string[];
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  readonly nameConstraints?: NameConstraints;
  readonly unknownCriticalOids: readonly string[];
  readonly extensions: readonly Extension[];
}

/**
 * Reads one certificate by gate and allow-list: DER, v3, RFC 5280 times, keys and signature algorithms we know, no
 * extension twice. Throws CERTIFICATE_MALFORMED, or KEY_REFUSED for a key that is outside the allow-list.
 */
export function parseCertificate(bytes: Uint8Array): Certificate {
  const der = plainBytes(bytes);
  try {
    checkDer(der, certificateLimits);
    return build(der, readCertificateStructure(der));
  } catch (error) {
    if (isCastellanError(error, 'DER_MALFORMED'))
      throw malformed(error.message.replace('not canonical DER: ', ''), error);
    throw error;
  }
}

function malformed(problem: string, cause?: unknown): CastellanError {
  return x509Errors.CERTIFICATE_MALFORMED({
    message: `not an acceptable certificate: ${problem}`,
    details: { problem },
    ...(cause === undefined ? {} : { cause }),
  });
}

function build(der: Uint8Array, structure: CertificateStructure): Certificate {
  const { tbs } = structure;
  if (tbs.version !== 2) throw malformed('it is not version 3');
  if ((tbs.serial[0] as number) >= 0x80 || tbs.serial.length > 21)
    throw malformed('its serial number is out of range');
  if (!equalBytes(tbs.signatureAlgorithmDer, structure.signatureAlgorithmDer))
    throw malformed('its signature algorithm differs inside and outside');
  const signatureAlgorithm = findSignatureAlgorithm(structure.signatureAlgorithmDer);
  if (signatureAlgorithm === undefined) throw malformed('its signature algorithm is not allowed');
  // Read for their form alone: OpenSSL refuses a certificate whose names are none, and so do we.
  readName(tbs.issuerDer);
  readName(tbs.subjectDer);
  const twice = findDuplicate(tbs.extensions);
  if (twice !== undefined) throw malformed(`the extension \`${twice}\` occurs twice`);
  const { basicConstraints, ...known } = decodeExtensions(tbs.extensions);
  return Object.freeze({
    der,
    sha256: hash('sha256', der, 'hex'),
    tbsDer: structure.tbsDer,
    signatureAlgorithm,
    signature: structure.signature,
    serial: serialHex(tbs.serial),
    subjectDer: tbs.subjectDer,
    issuerDer: tbs.issuerDer,
    notBefore: tbs.notBefore,
    notAfter: tbs.notAfter,
    publicKey: readPublicKey(tbs.spkiDer),
    isCa: basicConstraints?.isCa ?? false,
    ...(basicConstraints?.pathLength === undefined ? {} : { pathLength: basicConstraints.pathLength }),
    ...known,
    extensions: tbs.extensions,
  });
}

/** How this project writes a serial: lower-case hex of the magnitude; `00` for zero. */
export function serialHex(octets: Uint8Array): string {
  let from = 0;
  while (from < octets.length - 1 && octets[from] === 0) from++;
  return toHex(octets.subarray(from));
}

/** True when `issuer`'s key made the signature of `certificate`. Names and rights are not looked at. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  return verifySignature(certificate.signatureAlgorithm, issuer.publicKey, {
    data: certificate.tbsDer,
    signature: certificate.signature,
  });
}

/** True for a certificate whose subject and issuer are one name. */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.subjectDer, certificate.issuerDer);
}

export interface PemLimits {
  readonly maxChars?: number;
  readonly maxCertificates?: number;
}

/** Reads every CERTIFICATE block, in order; text between blocks is allowed, other blocks are not. May be none. */
export function parseCertificatesPem(pem: string, limits: PemLimits = {}): Certificate[] {
  const maxChars = limits.maxChars ?? maxBundlePemChars;
  if (pem.length > maxChars)
    throw x509Errors.PEM_MALFORMED({ message: `not the expected PEM: longer than ${maxChars} characters` });
  return readManyPem(pem, 'CERTIFICATE', limits.maxCertificates ?? maxBundleCertificates).map(
    parseCertificate,
  );
}
