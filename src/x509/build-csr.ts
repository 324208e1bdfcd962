import { contextConstructed, tags } from './der-reader.ts';
import { derBitString, derSequence, derValue } from './der-writer.ts';
import { formatPem } from './pem.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';

/**
 * A PKCS#10 request with a public key and proof of its possession, and nothing else: no name, no attribute. What the
 * certificate says comes from what its caller is entitled to, so there is nothing to ask for.
 */
export async function buildCsr(signer: Signer): Promise<Uint8Array> {
  const version = Uint8Array.of(tags.integer, 1, 0);
  const info = derSequence(version, derSequence(), signer.publicKey.spkiDer, derValue(contextConstructed(0)));
  const { der: algorithm } = signatureAlgorithmOf(signer.publicKey.algorithm);
  return derSequence(info, algorithm, derBitString(await signer.sign(info)));
}

export function formatCsrPem(der: Uint8Array): string {
  return formatPem('CERTIFICATE REQUEST', der);
}
