import { createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import { algorithmsByKeyShape, type KeyShape } from './algorithms.ts';
import { decodeBase64url } from './base64url.ts';
import type { JsonObject } from './json.ts';

/** One key that may verify signatures. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** The `alg` that the set binds the key to, if any. */
  readonly alg: string | undefined;
  readonly shape: KeyShape;
  readonly key: KeyObject;
}

export type KeyReading =
  | { readonly ok: true; readonly key: VerificationKey; readonly hadPrivateParts: boolean }
  | { readonly ok: false; readonly why: string };

/** Members of a JWK that are secret: RSA and EC private parts, other primes. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const publicMembers: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};
const maxKidBytes = 1024;
const maxModulusBits = 8192;

export function hasPrivateParts(jwk: JsonObject): boolean {
  return jwk.kty !== 'oct' && privateMembers.some((member) => member in jwk);
}

/** Reads one member of `keys`; what we cannot use is named, so that the set can ignore it (RFC 7517 §5). */
export function readJwk(jwk: JsonObject, acceptedUses: ReadonlySet<string>): KeyReading {
  const { kid, alg, use, key_ops: operations } = jwk;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > maxKidBytes))
    return unusable('kid is not a short string');
  if (alg !== undefined && typeof alg !== 'string') return unusable('alg is not a string');
  if (use === undefined ? !acceptedUses.has('') : typeof use !== 'string' || !acceptedUses.has(use))
    return unusable('use is not for these signatures');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return unusable('key_ops lacks verify');
  const read = jwk.kty === 'oct' ? readSecret(jwk) : readPublic(jwk);
  if (!read.ok) return read;
  const allowed: readonly string[] = algorithmsByKeyShape[read.shape];
  if (alg !== undefined && !allowed.includes(alg)) return unusable('alg does not fit the key');
  return {
    ok: true,
    key: Object.freeze({ kid, alg, shape: read.shape, key: read.key }),
    hadPrivateParts: hasPrivateParts(jwk),
  };
}

type Material =
  | { readonly ok: true; readonly shape: KeyShape; readonly key: KeyObject }
  | { readonly ok: false; readonly why: string };

function readSecret(jwk: JsonObject): Material {
  const bytes = typeof jwk.k === 'string' ? decodeBase64url(jwk.k) : undefined;
  if (bytes === undefined || bytes.length === 0) return unusable('k is not base64url');
  return { ok: true, shape: 'oct', key: createSecretKey(bytes) };
}

function readPublic(jwk: JsonObject): Material {
  const members = typeof jwk.kty === 'string' ? publicMembers[jwk.kty] : undefined;
  if (members === undefined) return unusable('kty is not supported');
  const clean: Record<string, string> = { kty: jwk.kty as string };
  for (const member of members) {
    const value = jwk[member];
    if (typeof value !== 'string' || (member !== 'crv' && decodeBase64url(value) === undefined))
      return unusable(`${member} is missing or malformed`);
    clean[member] = value;
  }
  let key: KeyObject;
  try {
    key = createPublicKey({ format: 'jwk', key: clean });
  } catch {
    return unusable('the key is not valid');
  }
  const shape = shapeOf(key, clean.crv);
  return shape === undefined
    ? unusable('the kind or size of the key is not supported')
    : { ok: true, shape, key };
}

function shapeOf(key: KeyObject, curve: string | undefined): KeyShape | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    const sound = modulusLength >= 2048 && modulusLength <= maxModulusBits && publicExponent >= 3n;
    return sound && publicExponent % 2n === 1n ? 'RSA' : undefined;
  }
  const name = `${key.asymmetricKeyType === 'ec' ? 'EC' : 'OKP'} ${curve ?? ''}`;
  return name in algorithmsByKeyShape ? (name as KeyShape) : undefined;
}

function unusable(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why };
}
