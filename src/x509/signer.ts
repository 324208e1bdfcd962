import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { type PublicKey, readPublicKey } from './public-key.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';

/**
 * Something that holds a private key: memory, a token, a remote service. `sign` returns the signature as X.509
 * carries it (ECDSA as DER), made with the algorithm of `signatureAlgorithmOf(publicKey.algorithm)`.
 */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(tbs: Uint8Array): Promise<Uint8Array>;
}

const localSigners = new WeakSet<Signer>();

/** True for a signer of `localSigner`, whose signatures OpenSSL has already checked for faults. */
export function isLocalSigner(signer: Signer): boolean {
  return localSigners.has(signer);
}

/** A signer whose key is in memory. Throws KEY_REFUSED for a key we do not issue with. */
export function localSigner(privateKey: KeyObject): Signer {
  const publicKey = publicKeyOf(privateKey);
  const { hash } = signatureAlgorithmOf(publicKey.algorithm);
  // P-256 and Ed25519 take some 25 µs, less than a trip to the thread pool; the others would block the loop.
  const isQuick = publicKey.algorithm === 'P-256' || publicKey.algorithm === 'Ed25519';
  const signer: Signer = Object.freeze({
    publicKey,
    sign: isQuick
      ? async (tbs: Uint8Array) => sign(hash, tbs, privateKey)
      : (tbs: Uint8Array) => signInPool(hash, tbs, privateKey),
  });
  localSigners.add(signer);
  return signer;
}

function signInPool(hash: string | null, tbs: Uint8Array, key: KeyObject): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign(hash, tbs, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

/** The public half of a key of ours (either half is given), read by the allow-list. Throws KEY_REFUSED. */
export function publicKeyOf(key: KeyObject): PublicKey {
  const half = key.type === 'public' ? key : createPublicKey(key);
  const spkiDer = half.export({ format: 'der', type: 'spki' });
  return readPublicKey(spkiDer);
}
