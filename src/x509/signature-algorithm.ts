import { verify } from 'node:crypto';
import { equalBytes, fromHex } from '../base/bytes.ts';
import { x509Errors } from './errors.ts';
import type { KeyAlgorithm, PublicKey } from './public-key.ts';

/** One allowed signature algorithm. `der` is its only accepted AlgorithmIdentifier (RFC 5758, 4055 §5, 8410 §3). */
export interface SignatureAlgorithm {
  readonly name: string;
  readonly der: Uint8Array;
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly keys: readonly KeyAlgorithm[];
}

const algorithm = (
  name: string,
  derHex: string,
  hash: SignatureAlgorithm['hash'],
  keys: readonly KeyAlgorithm[],
): SignatureAlgorithm => Object.freeze({ name, der: fromHex(derHex), hash, keys });

const curves = ['P-256', 'P-384'] as const;
export const ecdsaWithSha256 = algorithm('ecdsa-with-SHA256', '300a06082a8648ce3d040302', 'sha256', curves);
export const ecdsaWithSha384 = algorithm('ecdsa-with-SHA384', '300a06082a8648ce3d040303', 'sha384', curves);
const ecdsaWithSha512 = algorithm('ecdsa-with-SHA512', '300a06082a8648ce3d040304', 'sha512', curves);
export const sha256WithRsa = algorithm(
  'sha256WithRSAEncryption',
  '300d06092a864886f70d01010b0500',
  'sha256',
  ['RSA'],
);
const sha384WithRsa = algorithm('sha384WithRSAEncryption', '300d06092a864886f70d01010c0500', 'sha384', [
  'RSA',
]);
const sha512WithRsa = algorithm('sha512WithRSAEncryption', '300d06092a864886f70d01010d0500', 'sha512', [
  'RSA',
]);
export const ed25519Signature = algorithm('Ed25519', '300506032b6570', null, ['Ed25519']);

const allowed: readonly SignatureAlgorithm[] = [
  ecdsaWithSha256,
  sha256WithRsa,
  ecdsaWithSha384,
  ed25519Signature,
  sha384WithRsa,
  ecdsaWithSha512,
  sha512WithRsa,
];

/** The allowed algorithm with this AlgorithmIdentifier, or undefined: SHA-1, MD5, PSS and odd parameters are none. */
export function findSignatureAlgorithm(der: Uint8Array): SignatureAlgorithm | undefined {
  return allowed.find((candidate) => equalBytes(candidate.der, der));
}

const bySigner: Readonly<Record<KeyAlgorithm, SignatureAlgorithm>> = {
  'P-256': ecdsaWithSha256,
  'P-384': ecdsaWithSha384,
  RSA: sha256WithRsa,
  Ed25519: ed25519Signature,
};

/** What a signer with this key signs with (csr-api.md §1.9). */
export function signatureAlgorithmOf(key: KeyAlgorithm): SignatureAlgorithm {
  return bySigner[key];
}

/** Throws SIGNATURE_ALGORITHM_REFUSED unless the algorithm is allowed and fits the key (C12). */
export function requireSignatureAlgorithm(der: Uint8Array, key: PublicKey): SignatureAlgorithm {
  const found = findSignatureAlgorithm(der);
  if (found === undefined) throw x509Errors.SIGNATURE_ALGORITHM_REFUSED();
  if (!found.keys.includes(key.algorithm))
    throw x509Errors.SIGNATURE_ALGORITHM_REFUSED({
      message: `the signature algorithm ${found.name} does not fit a key of type ${key.algorithm}`,
    });
  return found;
}

/** True when `signature` over `data` verifies. OpenSSL throws on some malformed signatures: those are false too. */
export function verifySignature(
  using: SignatureAlgorithm,
  key: PublicKey,
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
): boolean {
  if (!using.keys.includes(key.algorithm)) return false;
  try {
    return verify(using.hash, signed.data, key.keyObject, signed.signature);
  } catch {
    return false;
  }
}

/**
 * As `verifySignature`, for a key that is used once: OpenSSL decodes it for this call and no key object is made. A
 * point that is not on its curve is false.
 */
export function verifyProof(
  using: SignatureAlgorithm,
  key: PublicKey,
  signed: { readonly data: Uint8Array; readonly signature: Uint8Array },
): boolean {
  try {
    const once = { key: key.spkiDer as Buffer, format: 'der', type: 'spki' } as const;
    return verify(using.hash, signed.data, once, signed.signature);
  } catch {
    return false;
  }
}
