/** RequestAuthentication, naive: each rule looks at its places, then the any-of of the whole. */
import type { Claims } from './matchers.ts';
import type { PlainRequest, PlainToken } from './model.ts';

interface JwtRule {
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  readonly fromHeaders?: readonly { name: string; prefix?: string }[];
  readonly fromParams?: readonly string[];
  readonly fromCookies?: readonly string[];
  readonly spaceDelimitedClaims?: readonly string[];
}

type Outcome =
  | { readonly outcome: 'pass'; readonly claims: Claims | undefined }
  | { readonly outcome: 'refuse'; readonly status: 401 | 403 };

function readsPlace(rule: JwtRule, token: PlainToken): boolean {
  const place = token.in ?? { header: 'authorization', prefix: 'Bearer ' };
  const hasOwn = [rule.fromHeaders, rule.fromParams, rule.fromCookies].some(
    (list) => (list?.length ?? 0) > 0,
  );
  if (!hasOwn)
    return (
      place.param === 'access_token' ||
      (place.header?.toLowerCase() === 'authorization' && (place.prefix ?? '').includes('Bearer '))
    );
  return (
    (rule.fromHeaders ?? []).some(
      (h) =>
        h.name.toLowerCase() === place.header?.toLowerCase() && (place.prefix ?? '').includes(h.prefix ?? ''),
    ) ||
    (place.param !== undefined && (rule.fromParams ?? []).includes(place.param)) ||
    (place.cookie !== undefined && (rule.fromCookies ?? []).includes(place.cookie))
  );
}

const trimAudience = (text: string) => text.replace(/^https?:\/\//, '').replace(/\/$/, '');

/** Undefined when the token satisfies the rule, else the status it earns. */
function problemWith(rule: JwtRule, token: PlainToken): 401 | 403 | undefined {
  if (token.problem === 'malformed') return 401;
  if (rule.issuer !== undefined && token.claims.iss !== rule.issuer) return 401;
  if (token.problem === 'expired' || token.problem === 'not-yet-valid') return 401;
  if (rule.audiences && rule.audiences.length > 0) {
    const have = [token.claims.aud]
      .flat()
      .filter((a): a is string => typeof a === 'string')
      .map(trimAudience);
    if (!rule.audiences.map(trimAudience).some((wanted) => have.includes(wanted))) return 403;
  }
  return token.problem === undefined ? undefined : 401;
}

function withSplitClaims(rule: JwtRule, claims: Claims): Claims {
  const names = ['scope', 'permission', ...(rule.spaceDelimitedClaims ?? [])];
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      names.includes(name) && typeof value === 'string' ? value.split(' ') : value,
    ]),
  );
}

function isPreflight(request: PlainRequest): boolean {
  const headers = request.http?.headers ?? {};
  return (
    request.http?.method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

export function authenticateRequest(rules: readonly JwtRule[], request: PlainRequest): Outcome {
  if (rules.length === 0 || isPreflight(request)) return { outcome: 'pass', claims: undefined };
  const sorted = [...rules].sort((a, b) =>
    (a.issuer ?? '') < (b.issuer ?? '') ? -1 : (a.issuer ?? '') > (b.issuer ?? '') ? 1 : 0,
  );
  let status: 401 | 403 | undefined;
  for (const rule of sorted) {
    const seen = request.tokens.filter((token) => readsPlace(rule, token));
    const problems = seen.map((token) => problemWith(rule, token)).filter((p) => p !== undefined);
    const [first] = seen;
    if (first !== undefined && problems.length === 0)
      return { outcome: 'pass', claims: withSplitClaims(rule, first.claims) };
    if (problems.length > 0) status = problems.at(-1);
  }
  return status === undefined ? { outcome: 'pass', claims: undefined } : { outcome: 'refuse', status };
}
