import { compactVerify } from 'jose';
import { algorithmsByKeyShape } from './algorithms.ts';
import { checkClaims, checkHeader, readRegisteredClaims } from './checks.ts';
import { parseCompact } from './compact.ts';
import type { JsonObject } from './json.ts';
import type { VerificationKey } from './key.ts';
import type { KeySet } from './key-set.ts';
import type { JwtProfile } from './profile.ts';
import { type RejectedJwt, reject } from './reasons.ts';

/** A token that passed every check: the only object through which claims leave this room. Frozen. */
export interface VerifiedJwt {
  readonly ok: true;
  readonly header: JsonObject;
  readonly claims: JsonObject;
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audiences: readonly string[];
  /** When it ends, in milliseconds, without leeway; undefined: never. */
  readonly expiresAt: number | undefined;
}

/**
 * Judges a compact JWS in Envoy's order: form, header, claim types, issuer, time, audience, signature. Never throws for
 * what a token holds. The cheap checks come first; the signature is what makes any of them count.
 */
export async function verifyJwt(
  token: string,
  keys: KeySet,
  profile: JwtProfile,
  nowMs: number,
): Promise<VerifiedJwt | RejectedJwt> {
  const parsed = parseCompact(token, profile.limits);
  if (!parsed.ok) return parsed;
  const badHeader = checkHeader(parsed.header, profile);
  if (badHeader !== undefined) return badHeader;
  const registered = readRegisteredClaims(parsed.claims, profile);
  if ('ok' in registered) return registered;
  const badClaims = checkClaims(registered, profile, nowMs);
  if (badClaims !== undefined) return badClaims;
  const badSignature = await checkSignature(token, parsed.header, keys);
  if (badSignature !== undefined) return badSignature;
  return Object.freeze({
    ok: true,
    header: parsed.header,
    claims: parsed.claims,
    issuer: registered.issuer,
    subject: registered.subject,
    audiences: registered.audiences,
    expiresAt: registered.expires === undefined ? undefined : registered.expires * 1000,
  });
}

async function checkSignature(
  token: string,
  header: JsonObject,
  keys: KeySet,
): Promise<RejectedJwt | undefined> {
  const alg = header.alg as string;
  const candidates = keys.keys.filter((key) => mayVerify(key, alg, header.kid as string | undefined));
  if (candidates.length === 0) return reject('no-matching-key', 'no key fits kid and alg');
  for (const candidate of candidates) if (await signatureHolds(token, candidate, alg)) return undefined;
  return reject('signature-invalid', 'the signature does not hold');
}

/** policy.md §2.4: passed over when both have a kid and they differ, or the key is bound to another alg or kind. */
function mayVerify(key: VerificationKey, alg: string, kid: string | undefined): boolean {
  if (kid !== undefined && key.kid !== undefined && kid !== key.kid) return false;
  if (key.alg !== undefined && key.alg !== alg) return false;
  const allowed: readonly string[] = algorithmsByKeyShape[key.shape];
  return allowed.includes(alg);
}

async function signatureHolds(token: string, key: VerificationKey, alg: string): Promise<boolean> {
  try {
    await compactVerify(token, key.key, { algorithms: [alg] });
    return true;
  } catch {
    // The library tells a bad signature by throwing; whatever it throws, the signature was not shown to hold.
    return false;
  }
}
