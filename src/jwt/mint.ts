import { createPublicKey } from 'node:crypto';
import { compactVerify } from 'jose';
import { svidAlgorithms } from './algorithms.ts';
import { jwtErrors } from './errors.ts';

/** A key that signs tokens, wherever it lives. */
export interface JwtSigner {
  readonly kid: string;
  readonly algorithm: JwtSvidAlgorithm;
  readonly publicJwk: Readonly<Record<string, string>>;
  /** Signs with the algorithm's hash; ECDSA as the DER that X.509 carries, which is what key stores give. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** The algorithms of J-03 that our own keys make. */
export type JwtSvidAlgorithm = 'ES256' | 'ES384' | 'RS256';

export interface JwtSvidClaims {
  /** The SPIFFE ID (J-06). */
  readonly subject: string;
  /** At least one, none empty (J-07). */
  readonly audiences: readonly string[];
  /** Milliseconds, on whole seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly issuer?: string | undefined;
}

const coordinateBytes: Readonly<Record<JwtSvidAlgorithm, number>> = { ES256: 32, ES384: 48, RS256: 0 };

/**
 * A JWT-SVID in compact form: `alg`, `kid` and `typ` in the header and nothing else (J-02). What was signed is verified
 * before anybody sees it; throws JWT_SIGNER_FAILED when it does not hold.
 */
export async function mintJwtSvid(signer: JwtSigner, claims: JwtSvidClaims): Promise<string> {
  const { kid, algorithm, publicJwk } = signer;
  if (!svidAlgorithms.has(algorithm)) throw new TypeError(`not an algorithm of JWT-SVIDs: ${algorithm}`);
  if (claims.audiences.length === 0 || claims.audiences.includes('')) throw jwtErrors.JWT_AUDIENCE_MISSING();
  const header = encode({ alg: algorithm, kid, typ: 'JWT' });
  const payload = encode({
    ...(claims.issuer === undefined ? {} : { iss: claims.issuer }),
    sub: claims.subject,
    aud: claims.audiences,
    iat: claims.issuedAt / 1000,
    exp: claims.expiresAt / 1000,
  });
  const signed = Buffer.from(`${header}.${payload}`);
  const signature = rawSignature(await signer.sign(signed), coordinateBytes[algorithm]);
  const token = `${header}.${payload}.${signature.toString('base64url')}`;
  try {
    const key = createPublicKey({ format: 'jwk', key: publicJwk });
    await compactVerify(token, key, { algorithms: [algorithm] });
  } catch (cause) {
    throw jwtErrors.JWT_SIGNER_FAILED({ cause });
  }
  return token;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/**
 * RFC 7518 §3.4 wants r and s side by side, each as wide as the curve's field. `der` is SEQUENCE { r, s } in DER; what
 * is not comes out as something that does not verify.
 */
function rawSignature(der: Uint8Array, width: number): Buffer {
  if (width === 0) return Buffer.from(der);
  const raw = Buffer.alloc(2 * width);
  let at = 2;
  for (const end of [width, 2 * width]) {
    const length = der[at + 1] ?? 0;
    let number = der.subarray(at + 2, at + 2 + length);
    while (number.length > 0 && number[0] === 0) number = number.subarray(1);
    if (number.length > width) throw jwtErrors.JWT_SIGNER_FAILED();
    raw.set(number, end - number.length);
    at += 2 + length;
  }
  return raw;
}
