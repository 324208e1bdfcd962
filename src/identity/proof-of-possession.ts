import { hash, type KeyObject, sign, verify } from 'node:crypto';

/** What a node with a machine certificate signs: never bytes that the server chose alone. */
const context = Buffer.from('castellan.agent.v1 proof of possession\n');

const hashOf: Readonly<Record<string, string | null>> = {
  ec: 'sha256',
  rsa: 'sha256',
  ed25519: null,
};

/** Context, nonce and SHA-256 of the CSR: the proof is good for this challenge and this key only. */
export function proofMessage(nonce: Uint8Array, csrDer: Uint8Array): Uint8Array {
  return Buffer.concat([context, nonce, hash('sha256', csrDer, 'buffer')]);
}

/** ECDSA with SHA-256 (SHA-384 for P-384), RSA PKCS#1 v1.5 with SHA-256, or Ed25519, by the type of the key. */
export function signProof(key: KeyObject, message: Uint8Array): Uint8Array {
  return sign(hashFor(key), message, key);
}

export function verifyProof(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(hashFor(key), message, key, signature);
  } catch {
    return false;
  }
}

function hashFor(key: KeyObject): string | null {
  if (key.asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'sha384';
  const found = hashOf[key.asymmetricKeyType ?? ''];
  if (found === undefined) throw new TypeError('a key that proves nothing here');
  return found;
}
