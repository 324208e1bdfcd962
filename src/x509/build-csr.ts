import { contextConstructed, tags } from './der-reader.ts';
import {
  BackwardWriter,
  derBitString,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derValue,
} from './der-writer.ts';
import { putGeneralNames } from './general-names.ts';
import { oids } from './oids.ts';
import { formatPem } from './pem.ts';
import { signatureAlgorithmOf } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';

/**
 * A PKCS#10 request with a public key and proof of its possession. What the certificate says comes from what its caller
 * is entitled to, so there is nothing to ask for but DNS names: those are granted where a registration lists them.
 */
export async function buildCsr(signer: Signer, dnsNames: readonly string[] = []): Promise<Uint8Array> {
  const version = Uint8Array.of(tags.integer, 1, 0);
  const attributes = derValue(contextConstructed(0), ...(dnsNames.length === 0 ? [] : [askFor(dnsNames)]));
  const info = derSequence(version, derSequence(), signer.publicKey.spkiDer, attributes);
  const { der: algorithm } = signatureAlgorithmOf(signer.publicKey.algorithm);
  return derSequence(info, algorithm, derBitString(await signer.sign(info)));
}

/** PKCS#9 extensionRequest with a subjectAltName. */
function askFor(dnsNames: readonly string[]): Uint8Array {
  const names = new BackwardWriter(512);
  putGeneralNames(names, { dnsNames });
  const extension = derSequence(derOid(oids.subjectAltName), derOctetString(names.finish()));
  return derSequence(derOid(oids.extensionRequest), derSet(derSequence(extension)));
}

export function formatCsrPem(der: Uint8Array): string {
  return formatPem('CERTIFICATE REQUEST', der);
}
