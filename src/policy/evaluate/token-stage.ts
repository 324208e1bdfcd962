import type { TokenRule } from '../compile/tokens.ts';
import { bareAudience } from '../compile/tokens.ts';
import type { DecisionReason } from '../decision.ts';
import { isList, ownField } from '../match/context.ts';
import type {
  HttpFacts,
  InvalidToken,
  JsonFields,
  TokenFault,
  TokenPlace,
  TokenResult,
  ValidToken,
} from '../request.ts';

/** What the tokens of a request come to for one rule. */
export type RuleVerdict =
  | { readonly kind: 'missing' }
  | { readonly kind: 'accepted'; readonly tokens: readonly ValidToken[] }
  | { readonly kind: 'refused'; readonly fault: TokenFault; readonly message: string };

export type TokenOutcome =
  | { readonly ok: true; readonly rule: TokenRule | undefined; readonly tokens: readonly ValidToken[] }
  | {
      readonly ok: false;
      readonly fault: TokenFault | 'missing';
      readonly message: string;
      readonly rule: TokenRule;
    };

const missing: RuleVerdict = { kind: 'missing' };
const anonymous: TokenOutcome = { ok: true, rule: undefined, tokens: [] };

/**
 * policy.md §2.2, §2.3: any rule whose tokens are all good lets pass, the first in the order of issuers giving the
 * identity; without one, every rule must have found nothing. Strict mode also wants every token that was found to be good
 * under some rule (correction 8).
 */
export function judgeTokens(
  rules: readonly TokenRule[],
  tokens: readonly TokenResult[],
  strict: boolean,
): TokenOutcome {
  if (tokens.length === 0) return requirePresence(rules);
  const verdicts = rules.map((rule) => judgeRule(rule, tokens));
  const accepted = verdicts.findIndex((verdict) => verdict.kind === 'accepted');
  const stray = strict ? strayToken(rules, tokens) : undefined;
  if (stray !== undefined) return stray;
  if (accepted !== -1) {
    const verdict = verdicts[accepted];
    return { ok: true, rule: rules[accepted], tokens: verdict?.kind === 'accepted' ? verdict.tokens : [] };
  }
  return mostTelling(rules, verdicts) ?? requirePresence(rules);
}

function requirePresence(rules: readonly TokenRule[]): TokenOutcome {
  const required = rules.find((rule) => rule.isRequired);
  return required === undefined
    ? anonymous
    : { ok: false, fault: 'missing', message: tokenMessages.missing, rule: required };
}

/** All tokens that a rule finds must satisfy it. */
export function judgeRule(rule: TokenRule, tokens: readonly TokenResult[]): RuleVerdict {
  const good: ValidToken[] = [];
  for (const token of tokens) {
    if (!readsToken(rule, token)) continue;
    const fault = tokenFault(rule, token);
    if (fault !== undefined) return { kind: 'refused', fault: fault.fault, message: fault.message };
    if (token.ok) good.push(token);
  }
  return good.length === 0 ? missing : { kind: 'accepted', tokens: good };
}

function readsToken(rule: TokenRule, token: TokenResult): boolean {
  if (token.rule !== undefined && token.rule !== rule.ref.id) return false;
  return rule.places.some((place) => isSamePlace(place, token.place));
}

function isSamePlace(place: TokenPlace, found: TokenPlace): boolean {
  return (
    place.in === found.in &&
    place.name === found.name &&
    (found.prefix === undefined || place.prefix === found.prefix)
  );
}

interface Fault {
  readonly fault: TokenFault;
  readonly message: string;
}

function tokenFault(rule: TokenRule, token: TokenResult): Fault | undefined {
  if (!token.ok) return { fault: token.fault, message: token.message ?? messageOf(token) };
  if (rule.issuer !== '' && ownField(token.claims, 'iss') !== rule.issuer)
    return { fault: 'unknown-issuer', message: tokenMessages['unknown-issuer'] };
  if (rule.audiences.size > 0 && !isForAudience(token.claims, rule.audiences))
    return { fault: 'wrong-audience', message: tokenMessages['wrong-audience'] };
  return undefined;
}

function messageOf(token: InvalidToken): string {
  return tokenMessages[token.fault];
}

function isForAudience(claims: JsonFields, wanted: ReadonlySet<string>): boolean {
  const audience = ownField(claims, 'aud');
  const values = isList(audience) ? audience : [audience];
  return values.some((value) => typeof value === 'string' && wanted.has(bareAudience(value)));
}

/** Strict: the first token that no rule which reads it accepts. */
function strayToken(rules: readonly TokenRule[], tokens: readonly TokenResult[]): TokenOutcome | undefined {
  const byPlace = new Map<string, TokenResult[]>();
  for (const token of tokens) {
    const key = `${token.place.in}\u0000${token.place.name}`;
    byPlace.set(key, [...(byPlace.get(key) ?? []), token]);
  }
  for (const results of byPlace.values()) {
    const readers = rules.filter((rule) => results.some((token) => readsToken(rule, token)));
    if (readers.length === 0) continue;
    const verdicts = readers.map((rule) => judgeRule(rule, results));
    if (!verdicts.some(({ kind }) => kind === 'accepted')) return mostTelling(readers, verdicts);
  }
  return undefined;
}

/** The first refusal that says more than `this issuer is not mine`. */
function mostTelling(
  rules: readonly TokenRule[],
  verdicts: readonly RuleVerdict[],
): TokenOutcome | undefined {
  let best: TokenOutcome | undefined;
  for (const [i, verdict] of verdicts.entries()) {
    if (verdict.kind !== 'refused') continue;
    const outcome: TokenOutcome = {
      ok: false,
      fault: verdict.fault,
      message: verdict.message,
      rule: rules[i] as TokenRule,
    };
    if (verdict.fault !== 'unknown-issuer') return outcome;
    best ??= outcome;
  }
  return best;
}

/** What Envoy sends as body (policy.md §2.3). */
export const tokenMessages: Readonly<Record<TokenFault | 'missing', string>> = {
  missing: 'Jwt is missing',
  malformed: 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
  'bad-signature': 'Jwt verification fails',
  'no-matching-key': "Jwks doesn't have key to match kid or alg from Jwt",
  'keys-unavailable': 'Jwks remote fetch is failed',
  expired: 'Jwt is expired',
  'not-yet-valid': 'Jwt not yet valid',
  'unknown-issuer': 'Jwt issuer is not configured',
  'wrong-audience': 'Audiences in Jwt are not allowed',
};

export const tokenReasons: Readonly<Record<TokenFault | 'missing', DecisionReason>> = {
  missing: 'jwt_missing',
  malformed: 'jwt_bad_signature',
  'bad-signature': 'jwt_bad_signature',
  'no-matching-key': 'jwt_bad_signature',
  'keys-unavailable': 'jwks_unavailable',
  expired: 'jwt_expired',
  'not-yet-valid': 'jwt_not_yet_valid',
  'unknown-issuer': 'jwt_unknown_issuer',
  'wrong-audience': 'jwt_wrong_audience',
};

/** A CORS preflight skips tokens altogether, the removal of forged output headers included (policy.md §2.2). */
export function isPreflight({ method, headers }: HttpFacts): boolean {
  return method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method');
}
