import { createHash } from 'node:crypto';
import { jwtErrors } from './errors.ts';
import { isJsonObject, type JsonObject, parseJsonObjectText } from './json.ts';
import { hasPrivateParts, type KeyReading, readJwk, type VerificationKey } from './key.ts';

export interface KeySet {
  readonly keys: readonly VerificationKey[];
  /** Changes with the content: a digest over it. Part of every cache key. */
  readonly revision: string;
  /** Members that were not usable, by position, and why. */
  readonly ignored: readonly { readonly index: number; readonly why: string }[];
  /** Positions of keys that came with private parts (inline sets only; the parts are dropped, the operator is warned). */
  readonly privateParts: readonly number[];
}

export interface KeySetRules {
  /**
   * `remote`: what an issuer publishes. Symmetric keys and private parts are a blunder that must not be trusted, and a
   * kid names one key (T14). `inline`: what an operator wrote in a policy; symmetric keys may verify HS* (D14).
   */
  readonly source: 'remote' | 'inline';
  /** `sig`: `use` absent, `sig` or `jwt-svid`. `jwt-svid`: exactly that, with a kid (J-11, J-12). */
  readonly use?: 'sig' | 'jwt-svid';
}

const maxText = 256 * 1024;
const maxKeys = 100;
const maxDepth = 8;
const uses = {
  sig: new Set(['', 'sig', 'jwt-svid']),
  'jwt-svid': new Set(['jwt-svid']),
} as const;

/** Reads a JWKS document; throws KEY_SET_MALFORMED. Keys that we cannot use are ignored, but one must be left. */
export function parseKeySet(text: string, rules: KeySetRules = { source: 'remote' }): KeySet {
  if (text.length > maxText) throw malformed(`it is longer than ${maxText} bytes`);
  const document = parseJsonObjectText(text, maxDepth);
  if (!document.ok) throw malformed(`it is no JSON object that we can read (${document.fault})`);
  const members = document.value.keys;
  if (!Array.isArray(members)) throw malformed('`keys` is not an array');
  if (members.length > maxKeys) throw malformed(`it has more than ${maxKeys} keys`);
  const objects = (members as readonly unknown[]).map((member) => {
    if (!isJsonObject(member as JsonObject)) throw malformed('a member of `keys` is not an object');
    return member as JsonObject;
  });
  if (rules.source === 'remote') refuseBlunders(objects);
  return collect(objects, text, rules.use ?? 'sig');
}

/** The same from public JWKs already at hand, e.g. the JWT keys of a trust bundle. */
export function keySetFromJwks(jwks: readonly JsonObject[], rules: KeySetRules): KeySet {
  return parseKeySet(JSON.stringify({ keys: jwks }), rules);
}

function refuseBlunders(jwks: readonly JsonObject[]): void {
  const kids = new Set<string>();
  for (const jwk of jwks) {
    if (jwk.kty === 'oct') throw malformed('it publishes a symmetric key');
    if (hasPrivateParts(jwk)) throw malformed('it publishes private key parts');
    if (typeof jwk.kid !== 'string') continue;
    if (kids.has(jwk.kid)) throw malformed('a kid occurs twice');
    kids.add(jwk.kid);
  }
}

function collect(jwks: readonly JsonObject[], text: string, use: 'sig' | 'jwt-svid'): KeySet {
  const readings: readonly KeyReading[] = jwks.map((jwk) => {
    if (use === 'jwt-svid' && jwk.kid === undefined) return { ok: false, why: 'kid is missing' };
    return readJwk(jwk, uses[use]);
  });
  const keys = readings.flatMap((reading) => (reading.ok ? [reading.key] : []));
  if (keys.length === 0) throw malformed('it holds no usable key');
  return Object.freeze({
    keys: Object.freeze(keys),
    revision: createHash('sha256').update(text).digest('hex'),
    ignored: readings.flatMap((reading, index) => (reading.ok ? [] : [{ index, why: reading.why }])),
    privateParts: readings.flatMap((reading, index) =>
      reading.ok && reading.hadPrivateParts ? [index] : [],
    ),
  });
}

function malformed(why: string): Error {
  return jwtErrors.KEY_SET_MALFORMED({ message: `not a JSON Web Key Set: ${why}`, details: { rule: why } });
}
