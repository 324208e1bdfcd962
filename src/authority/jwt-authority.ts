import { toHex } from '../base/bytes.ts';
import { type Duration, days, hours, minutes } from '../base/duration.ts';
import { type JwtSigner, type JwtSvidAlgorithm, mintJwtSvid } from '../jwt/index.ts';
import type { SpiffeId } from '../spiffe/index.ts';
import type { PublicKey, Signer } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import type { Journal } from './journal.ts';
import { planLifetime, toWholeSecond } from './lifetime.ts';
import type { AuthorityPorts } from './ports.ts';
import { isJwtSlot, type JwtAuthorityKey, type JwtSlot } from './slot.ts';

/** The keys that sign JWT-SVIDs, and how long a token lives. */
export interface JwtSettings {
  readonly keyType: 'P-256' | 'P-384' | 'RSA-2048';
  readonly keyLifetime: Duration;
  readonly defaultLifetime: Duration;
  readonly maximumLifetime: Duration;
  /** `iss`, for readers that discover keys by it; absent: tokens have none. */
  readonly issuer?: string | undefined;
}

export const defaultJwtSettings: JwtSettings = {
  keyType: 'P-256',
  keyLifetime: days(30),
  defaultLifetime: minutes(5),
  maximumLifetime: hours(24),
};

export interface JwtSvidRequest {
  readonly spiffeId: SpiffeId;
  readonly audiences: readonly string[];
  /** Whole seconds; zero or negative means the default. */
  readonly ttlSeconds: bigint | number;
}

export interface JwtSvid {
  readonly token: string;
  readonly kid: string;
  /** Milliseconds, on whole seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** An open key that signs JWT-SVIDs. */
export interface JwtAuthority {
  readonly key: JwtAuthorityKey;
  readonly signer: JwtSigner;
}

export function checkJwtSettings(settings: JwtSettings): void {
  const { defaultLifetime, maximumLifetime, keyLifetime } = settings;
  if (!(defaultLifetime >= 1000 && maximumLifetime >= defaultLifetime))
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message:
        'the default lifetime of JWT-SVIDs must be at least a second and at most their maximum lifetime',
    });
  if (keyLifetime < 6 * defaultLifetime)
    throw authorityErrors.AUTHORITY_SETTINGS_INVALID({
      message: 'a JWT key must live at least six times as long as a JWT-SVID does by default',
    });
}

/** What is written down of a new key. */
export function describeJwtKey(publicKey: PublicKey, now: number, lifetime: Duration): JwtAuthorityKey {
  const kid = toHex(publicKey.keyId);
  const members = publicKey.keyObject.export({ format: 'jwk' }) as Record<string, string>;
  const start = toWholeSecond(now);
  return { kid, jwk: { ...members, kid }, notBefore: start, notAfter: toWholeSecond(start + lifetime) };
}

export function jwtSlots(journal: Journal): readonly JwtSlot[] {
  return journal.slots.filter(isJwtSlot);
}

export function activeJwtSlot(journal: Journal): JwtSlot | undefined {
  return jwtSlots(journal).find(({ state }) => state === 'active');
}

const algorithms: Readonly<Record<string, JwtSvidAlgorithm>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  RSA: 'RS256',
};

/** Opens the key of a slot; a missing or foreign key is an error, never a reason to make another (S06, S17). */
export async function openJwtSlot(ports: Pick<AuthorityPorts, 'keys'>, slot: JwtSlot): Promise<JwtAuthority> {
  const signer: Signer | undefined = await ports.keys.open(slot.name);
  if (signer === undefined)
    throw authorityErrors.AUTHORITY_KEY_MISSING({
      message: `the key \`${slot.name}\` of the authority is missing`,
    });
  const { jwtKey } = slot;
  const algorithm = algorithms[signer.publicKey.algorithm];
  if (toHex(signer.publicKey.keyId) !== jwtKey.kid || algorithm === undefined)
    throw authorityErrors.AUTHORITY_KEY_MISMATCH({
      message: `the key \`${slot.name}\` does not belong to what the journal says of it`,
      details: { authorityId: jwtKey.kid },
    });
  return {
    key: jwtKey,
    signer: { kid: jwtKey.kid, algorithm, publicJwk: jwtKey.jwk, sign: (data) => signer.sign(data) },
  };
}

/** Throws TTL_ERROR, JWT_AUDIENCE_MISSING (invalid), CERT_GEN_ERROR when the key has ended. */
export async function mintWith(
  authority: JwtAuthority,
  settings: JwtSettings,
  asked: { readonly request: JwtSvidRequest; readonly now: number },
): Promise<JwtSvid> {
  const { request, now } = asked;
  const { key, signer } = authority;
  const { notAfter } = planLifetime(settings, request.ttlSeconds, key.notAfter, now);
  const issuedAt = toWholeSecond(now);
  const token = await mintJwtSvid(signer, {
    subject: request.spiffeId.uri,
    audiences: request.audiences,
    issuedAt,
    expiresAt: notAfter,
    issuer: settings.issuer,
  });
  return { token, kid: key.kid, issuedAt, expiresAt: notAfter };
}
