import {
  describeJwtReason,
  type JwtReason,
  type KeySet,
  parseKeySet,
  requestProfile,
  verifyJwt,
} from '../../jwt/index.ts';
import type { RequestRuleRef } from '../explanation.ts';
import type { AuthzRequest, JsonFields, TokenFault, TokenResult } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { JwtRuleSpec } from '../source.ts';
import { type LocatedToken, locateTokens } from './locate-tokens.ts';

/** Where the keys of a rule come from: values that someone fetched before; inline keys are read here. */
export interface KeySetSource {
  /** The keys of `jwksUri`, or of the issuer's discovery document; undefined when there are none to be had. */
  keysFor(rule: RequestRuleRef): KeySet | undefined;
  /** Default `verifyJwt`; give a cache's `verify` to pay once for a token that comes again. */
  readonly verify?: typeof verifyJwt;
  /** What a cache remembers of a token that verified. */
  readonly known?: (
    ...args: Parameters<typeof verifyJwt>
  ) => Extract<Awaited<ReturnType<typeof verifyJwt>>, { ok: true }> | undefined;
}

/**
 * Finds and verifies the tokens of a request: what `AuthzRequest.tokens` wants. Each token is judged under each rule that
 * reads its place (policy.md §2.4), by the issuer, time and audience of the *request* profile (D14), then by its keys.
 */
export async function verifyRequestTokens(
  snapshot: PolicySnapshot,
  request: AuthzRequest,
  keySets: KeySetSource,
  nowMs: number,
): Promise<readonly TokenResult[]> {
  const results: TokenResult[] = [];
  for (const located of locateTokens(snapshot, request))
    results.push(await verifyOne(located, keySets, nowMs));
  return results;
}

/** The same without waiting, when every token of the request verified before; undefined: one did not. */
export function knownRequestTokens(
  snapshot: PolicySnapshot,
  request: AuthzRequest,
  keySets: KeySetSource,
  nowMs: number,
): readonly TokenResult[] | undefined {
  const results: TokenResult[] = [];
  for (const { token, place, rule } of locateTokens(snapshot, request)) {
    const keys = rule.spec.jwks === undefined ? keySets.keysFor(rule) : inlineKeys(rule.spec);
    const known = keys && keySets.known?.(token, keys, profileOf(rule.spec), nowMs);
    if (known === undefined) return undefined;
    results.push(accepted(known.claims, { token, place, rule }));
  }
  return results;
}

const profiles = new WeakMap<JwtRuleSpec, ReturnType<typeof requestProfile>>();

function profileOf(spec: JwtRuleSpec): ReturnType<typeof requestProfile> {
  let profile = profiles.get(spec);
  if (profile === undefined) {
    const { issuer, audiences } = spec;
    profile = requestProfile({ ...(issuer === undefined ? {} : { issuer }), audiences });
    profiles.set(spec, profile);
  }
  return profile;
}

function accepted(claims: JsonFields, { token, place, rule }: LocatedToken): TokenResult {
  return { ok: true, place, rule: rule.id, claims, payload: token.split('.', 3)[1] };
}

const noKeys: KeySet = Object.freeze({ keys: [], revision: 'none', ignored: [], privateParts: [] });

async function verifyOne(located: LocatedToken, keySets: KeySetSource, nowMs: number): Promise<TokenResult> {
  const { token, place, rule } = located;
  const { spec } = rule;
  const keys = spec.jwks === undefined ? keySets.keysFor(rule) : inlineKeys(spec);
  const verify = keySets.verify ?? verifyJwt;
  const verified = await verify(token, keys ?? noKeys, profileOf(spec), nowMs);
  if (verified.ok) return accepted(verified.claims, located);
  const { reason } = verified;
  if (keys === undefined && reason === 'no-matching-key')
    return { ok: false, place, rule: rule.id, fault: 'keys-unavailable' };
  return { ok: false, place, rule: rule.id, fault: faultOf(reason), message: describeJwtReason(reason) };
}

const faults: Partial<Readonly<Record<JwtReason, TokenFault>>> = {
  'unknown-issuer': 'unknown-issuer',
  'not-yet-valid': 'not-yet-valid',
  expired: 'expired',
  'exp-missing': 'expired',
  'audience-not-allowed': 'wrong-audience',
  'no-matching-key': 'no-matching-key',
  'signature-invalid': 'bad-signature',
};

function faultOf(reason: JwtReason): TokenFault {
  return faults[reason] ?? 'malformed';
}

const inline = new WeakMap<JwtRuleSpec, { readonly keys: KeySet | undefined }>();

/** Read once per rule. Never a fallback key: what cannot be read verifies nothing (policy.md §2.5). */
function inlineKeys(spec: JwtRuleSpec): KeySet | undefined {
  let known = inline.get(spec);
  if (known === undefined) {
    known = { keys: readInlineKeys(spec.jwks ?? '') };
    inline.set(spec, known);
  }
  return known.keys;
}

function readInlineKeys(jwks: string): KeySet | undefined {
  try {
    return parseKeySet(jwks, { source: 'inline' });
  } catch {
    // The resource's own validation reported it; here it means: no keys.
    return undefined;
  }
}
