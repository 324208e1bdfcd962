import { SpiffeId } from '../spiffe/index.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { JwtProfile } from './profile.ts';
import { type JwtReason, type RejectedJwt, reject } from './reasons.ts';

/** The registered claims, type-checked (T07, T25): a string is never split, a number never read from a string. */
export interface RegisteredClaims {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly audiences: readonly string[];
  readonly issuedAt: number | undefined;
  readonly notBefore: number | undefined;
  readonly expires: number | undefined;
}

const neverSupported = ['crit', 'b64', 'zip', 'cty', 'enc'] as const;
const keyPointers = ['jku', 'x5u', 'jwk', 'x5c'] as const;

export function checkHeader(header: JsonObject, profile: JwtProfile): RejectedJwt | undefined {
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return reject('header-alg', 'alg is missing or no string');
  if (!profile.algorithms.has(alg)) return reject('alg-not-allowed', 'alg is not on the allow-list');
  if (kid !== undefined && typeof kid !== 'string') return reject('header-kid', 'kid is no string');
  if (kid === undefined && profile.kidRequired) return reject('header-kid', 'kid is missing');
  const refused = profile.keyPointersRefused ? [...neverSupported, ...keyPointers] : neverSupported;
  const present = refused.find((parameter) => header[parameter] !== undefined);
  if (present !== undefined) return reject('header-unsupported', `${present} is not supported`);
  if (typ !== undefined && profile.types && !(typeof typ === 'string' && profile.types.has(typ)))
    return reject('header-unsupported', 'typ is not one of those allowed');
  return undefined;
}

export function readRegisteredClaims(
  claims: JsonObject,
  profile: JwtProfile,
): RegisteredClaims | RejectedJwt {
  const { iss, sub, jti, iat, nbf, exp, aud } = claims;
  if (!isOptionalString(iss)) return reject('iss-not-string', 'iss is no string');
  if (!isOptionalString(sub)) return reject('sub-not-string', 'sub is no string');
  if (!isOptionalString(jti)) return reject('jti-not-string', 'jti is no string');
  for (const [name, value] of [
    ['iat', iat],
    ['nbf', nbf],
    ['exp', exp],
  ] as const) {
    const wrong = checkInstant(name, value, profile.wholeSeconds);
    if (wrong !== undefined) return wrong;
  }
  const audiences = readAudiences(aud);
  if (audiences === undefined)
    return reject('aud-not-string', 'aud is neither a string nor a list of strings');
  return {
    issuer: iss,
    subject: sub,
    audiences,
    issuedAt: iat as number | undefined,
    notBefore: nbf as number | undefined,
    expires: exp as number | undefined,
  };
}

/** Issuer, then time, then audience: policy.md §2.4's order, so that the reason is the one Envoy gives. */
export function checkClaims(
  claims: RegisteredClaims,
  profile: JwtProfile,
  nowMs: number,
): RejectedJwt | undefined {
  if (profile.issuer !== undefined && claims.issuer !== profile.issuer)
    return reject('unknown-issuer', 'iss is not the issuer that we trust');
  return checkTime(claims, profile, nowMs) ?? checkAudience(claims, profile) ?? checkSubject(claims, profile);
}

function checkTime(claims: RegisteredClaims, profile: JwtProfile, nowMs: number): RejectedJwt | undefined {
  const now = Math.floor(nowMs / 1000);
  const leeway = profile.leewaySeconds;
  if (claims.notBefore !== undefined && now + leeway < claims.notBefore)
    return reject('not-yet-valid', 'nbf is in the future');
  if (profile.iatChecked && claims.issuedAt !== undefined && now + leeway < claims.issuedAt)
    return reject('not-yet-valid', 'iat is in the future');
  if (claims.expires === undefined)
    return profile.expRequired ? reject('exp-missing', 'exp is missing') : undefined;
  return now > claims.expires + leeway ? reject('expired', 'exp is past') : undefined;
}

function checkAudience(claims: RegisteredClaims, profile: JwtProfile): RejectedJwt | undefined {
  if (profile.audiences === undefined) return undefined;
  const wanted = new Set(profile.audiences.map(profile.audienceForm));
  if (claims.audiences.some((audience) => wanted.has(profile.audienceForm(audience)))) return undefined;
  return reject('audience-not-allowed', 'none of our audiences is in aud');
}

function checkSubject(claims: RegisteredClaims, profile: JwtProfile): RejectedJwt | undefined {
  if (profile.subject === 'any' || SpiffeId.tryParse(claims.subject ?? '') !== undefined) return undefined;
  return reject('subject-not-spiffe-id', 'sub is not a SPIFFE ID');
}

function checkInstant(
  name: 'iat' | 'nbf' | 'exp',
  value: JsonValue | undefined,
  whole: boolean,
): RejectedJwt | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number')
    return reject(`${name}-not-number` satisfies JwtReason, `${name} is no number`);
  if (whole && !Number.isInteger(value))
    return reject(`${name}-not-number` satisfies JwtReason, `${name} is not whole`);
  if (value < 0) return reject(`${name}-not-positive` satisfies JwtReason, `${name} is negative`);
  return undefined;
}

function isOptionalString(value: JsonValue | undefined): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function readAudiences(aud: JsonValue | undefined): readonly string[] | undefined {
  if (aud === undefined) return [];
  if (typeof aud === 'string') return [aud];
  if (!Array.isArray(aud)) return undefined;
  const list: readonly JsonValue[] = aud;
  return list.every((entry) => typeof entry === 'string') ? (list as readonly string[]) : undefined;
}
