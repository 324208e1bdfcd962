import type { TrustBundle } from '../../spiffe/index.ts';
import { parseCertificate } from '../../x509/index.ts';

/**
 * A trust bundle as SPIFFE writes it: a JWK set with sequence and refresh hint (SPIFFE Trust Domain and Bundle, §4). The
 * sequence may be beyond what a double holds, so the text is put together around it (B-02).
 */
export function bundleDocument(bundle: TrustBundle): string {
  const { x509Roots, jwtKeys, sequence, refreshHintSeconds } = bundle;
  const keys = JSON.stringify([
    ...x509Roots.map(rootKey),
    // What a key may be used for is its kind of key alone (B-07).
    ...jwtKeys.map(({ kid, jwk }) => ({ ...jwk, alg: undefined, kid, use: 'jwt-svid' })),
  ]);
  return `{"keys":${keys},"spiffe_sequence":${sequence},"spiffe_refresh_hint":${refreshHintSeconds}}\n`;
}

function rootKey(der: Uint8Array) {
  const { publicKey } = parseCertificate(der);
  const jwk = publicKey.keyObject.export({ format: 'jwk' });
  return { ...jwk, use: 'x509-svid', x5c: [Buffer.from(der).toString('base64')] };
}
