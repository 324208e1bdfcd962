import type { TokenRule } from '../compile/tokens.ts';
import type { RequestRuleRef } from '../explanation.ts';
import type { AuthzRequest, HttpFacts, TokenPlace } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import { viewOf } from '../workload-view.ts';
import { decodedParam } from './query-string.ts';
import { isPreflight } from './token-stage.ts';

/** A token that stands where a rule looks. */
export interface LocatedToken {
  readonly token: string;
  readonly place: TokenPlace;
  readonly rule: RequestRuleRef;
}

/**
 * Finds every token that some rule for the destination reads, per rule (policy.md §2.1): all lines of a header, the first
 * value of a query parameter, a cookie. Nothing is verified.
 */
export function locateTokens(snapshot: PolicySnapshot, request: AuthzRequest): readonly LocatedToken[] {
  const { http } = request;
  if (http === undefined || isPreflight(http)) return [];
  const { tokenRules } = viewOf(snapshot, request.destination);
  return tokenRules.flatMap((rule) => locateForRule(rule, http));
}

export function locateForRule(rule: TokenRule, http: HttpFacts): readonly LocatedToken[] {
  return rule.places.flatMap((place) =>
    readPlace(place, http).map((token) => ({ token, place, rule: rule.ref })),
  );
}

function readPlace(place: TokenPlace, http: HttpFacts): readonly string[] {
  switch (place.in) {
    case 'header':
      return (http.headers.get(place.name) ?? [])
        .map((line) => afterPrefix(line, place.prefix ?? ''))
        .filter((token) => token !== undefined);
    case 'param': {
      const value = decodedParam(http.path, place.name);
      return value === undefined ? [] : [value];
    }
    case 'cookie': {
      const value = readCookie(http.headers.get('cookie') ?? [], place.name);
      return value === undefined ? [] : [value];
    }
  }
}

/** The prefix is searched, not anchored; then everything up to the first token character is passed over. */
function afterPrefix(line: string, prefix: string): string | undefined {
  if (prefix === '') return line;
  const found = line.indexOf(prefix);
  if (found === -1) return undefined;
  let at = found + prefix.length;
  while (at < line.length && !isTokenUnit(line.charCodeAt(at))) at++;
  return at === line.length ? line : line.slice(at);
}

function isTokenUnit(unit: number): boolean {
  return (
    (unit >= 48 && unit <= 57) ||
    (unit >= 65 && unit <= 90) ||
    (unit >= 97 && unit <= 122) ||
    unit === 45 ||
    unit === 46 ||
    unit === 95
  );
}

/** Exact name; the first of that name; one pair of quotes around the value does not count. */
function readCookie(lines: readonly string[], name: string): string | undefined {
  for (const line of lines)
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      const value = pair.slice(equals + 1).trim();
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  return undefined;
}
