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
  readonly presence?: string;
}

type Outcome =
  | { readonly outcome: 'pass'; readonly claims: Claims | undefined }
  | { readonly outcome: 'refuse'; readonly status: 401 | 403 | undefined };

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
  // Of a token that nobody could read, or whose claims are not told, only the fault is known.
  const isUnread = token.problem !== undefined && Object.keys(token.claims).length === 0;
  if (token.problem === 'malformed' || isUnread) return 401;
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

function places(tokens: readonly PlainToken[]): readonly (readonly PlainToken[])[] {
  const place = ({ in: at = { header: 'authorization' } }: PlainToken) =>
    [at.header?.toLowerCase(), at.param, at.cookie].join('|');
  return [...Map.groupBy(tokens, place).values()];
}

export function authenticateRequest(
  rules: readonly JwtRule[],
  request: PlainRequest,
  isStrict: boolean,
): Outcome {
  if (rules.length === 0 || isPreflight(request)) return { outcome: 'pass', claims: undefined };
  const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...rules].sort((a, b) => text(a.issuer ?? '', b.issuer ?? ''));
  const judge = (rule: JwtRule, tokens: readonly PlainToken[]) => {
    const seen = tokens.filter((token) => readsPlace(rule, token));
    return {
      rule,
      seen,
      problems: seen.map((token) => problemWith(rule, token)).filter((p) => p !== undefined),
    };
  };
  const isSatisfied = ({ seen, problems }: ReturnType<typeof judge>) =>
    seen.length > 0 && problems.length === 0;
  const refuse = (judged: readonly ReturnType<typeof judge>[]): Outcome => {
    const statuses = new Set(judged.flatMap(({ problems }) => problems));
    return { outcome: 'refuse', status: statuses.size === 1 ? [...statuses][0] : undefined };
  };
  // Strict: what any rule reads, some rule must accept, place by place.
  for (const tokens of isStrict ? places(request.tokens) : []) {
    const readers = sorted.map((rule) => judge(rule, tokens)).filter(({ seen }) => seen.length > 0);
    if (readers.length > 0 && !readers.some(isSatisfied)) return refuse(readers);
  }
  const judged = sorted.map((rule) => judge(rule, request.tokens));
  const accepted = judged.find(isSatisfied);
  const last = accepted?.seen.at(-1);
  if (accepted !== undefined && last !== undefined)
    return { outcome: 'pass', claims: withSplitClaims(accepted.rule, last.claims) };
  if (judged.some(({ problems }) => problems.length > 0)) return refuse(judged);
  return rules.some(({ presence }) => presence === 'REQUIRED')
    ? { outcome: 'refuse', status: 401 }
    : { outcome: 'pass', claims: undefined };
}
