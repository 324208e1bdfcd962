import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** More than this is no chain of ours; the path validator has its own, lower bound. */
const maxChain = 32;

/**
 * The certificates of this TLS session as DER, the session's own leaf first (M11), or undefined when the peer showed
 * none. Only raw bytes are taken: the printable fields are not evidence (C39).
 */
export function presentedChain(socket: TLSSocket): readonly Uint8Array[] | undefined {
  const leaf = socket.getPeerCertificate(true) as DetailedPeerCertificate | Record<string, never>;
  if (!Buffer.isBuffer(leaf?.raw)) return undefined;
  const chain: Uint8Array[] = [];
  const seen = new Set<object>();
  for (
    let certificate: DetailedPeerCertificate | undefined = leaf as DetailedPeerCertificate;
    certificate !== undefined && !seen.has(certificate) && chain.length < maxChain;
    certificate = certificate.issuerCertificate
  ) {
    seen.add(certificate);
    chain.push(new Uint8Array(certificate.raw));
  }
  return chain;
}
