import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type TokenAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA';

const makers: Readonly<Record<TokenAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** An issuer that signs whatever header and payload it is told to: honest tokens and forged ones. */
export class FakeTokenIssuer {
  readonly issuer: string;
  readonly kid: string;
  readonly algorithm: TokenAlgorithm;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;

  constructor(options: { issuer?: string; kid?: string; algorithm?: TokenAlgorithm } = {}) {
    this.issuer = options.issuer ?? 'https://issuer.example';
    this.kid = options.kid ?? 'key-1';
    this.algorithm = options.algorithm ?? 'ES256';
    ({ publicKey: this.publicKey, privateKey: this.privateKey } = makers[this.algorithm]());
  }

  jwk(extra: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, use: 'sig', ...extra };
  }

  jwks(extra: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({ keys: [this.jwk(extra)] });
  }

  /** A token with this issuer's `iss`, `kid` and `alg` unless the arguments say otherwise (`undefined` leaves one out). */
  token(claims: Readonly<Record<string, unknown>>, header: Readonly<Record<string, unknown>> = {}): string {
    return this.signText(
      JSON.stringify({ alg: this.algorithm, kid: this.kid, ...header }),
      JSON.stringify({ iss: this.issuer, ...claims }),
    );
  }

  /** The signature over exactly these texts, whatever they hold. */
  signText(header: string, payload: string): string {
    const input = `${encode(header)}.${encode(payload)}`;
    return `${input}.${this.#sign(Buffer.from(input)).toString('base64url')}`;
  }

  #sign(input: Buffer): Buffer {
    if (this.algorithm === 'EdDSA') return sign(null, input, this.privateKey);
    if (this.algorithm === 'ES256')
      return sign('sha256', input, { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    if (this.algorithm === 'RS256') return sign('sha256', input, this.privateKey);
    return sign('sha256', input, { key: this.privateKey, padding: 6, saltLength: 32 });
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}
