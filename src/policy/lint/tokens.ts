import type { LintContext, RequestTarget } from './context.ts';
import { allRules, failsOpen, fieldOf, isToken, quote, type ValueList, valuesOf } from './rules.ts';
import { scopesMeet } from './scope.ts';

/** Token fields need a RequestAuthentication that verifies such tokens for the same workloads. */
export function lintTokenUse(context: LintContext): void {
  for (const at of allRules(context)) {
    const lists = [...valuesOf(at)].filter((list) => isToken(list.name));
    const [first] = lists;
    if (first === undefined) continue;
    const meeting = context.requests.filter(
      ({ resource }) =>
        resource.spec.jwtRules.length > 0 &&
        scopesMeet(resource, at.target.resource, context.mesh.rootNamespace),
    );
    if (meeting.length === 0) {
      context.report(
        'CAS0114',
        { target: at.target, path: first.path },
        `no RequestAuthentication given here covers these workloads, so ${effect(first)}`,
        severity(first),
      );
      continue;
    }
    for (const list of lists) lintIssuers(context, list, meeting);
  }
}

function effect(list: ValueList): string {
  return list.isNegative ? `${quote(list.name)} excludes nobody` : `${quote(list.name)} never matches`;
}

function severity(list: ValueList): { readonly severity?: 'info' } {
  // The idiom DENY notRequestPrincipals ["*"] then denies everything: closed, and surely not meant.
  return failsOpen(list) || list.values.includes('*') || !list.isNegative ? {} : { severity: 'info' };
}

function lintIssuers(context: LintContext, list: ValueList, meeting: readonly RequestTarget[]): void {
  if (fieldOf(list.name) !== 'requestPrincipals') return;
  const issuers = meeting.flatMap(({ resource }) => resource.spec.jwtRules.map((rule) => rule.issuer));
  if (issuers.includes(undefined)) return;
  for (const [i, value] of list.values.entries()) {
    const issuer = exactIssuer(value);
    if (issuer !== undefined && !issuers.includes(issuer))
      context.report(
        'CAS0114',
        { target: list.at.target, path: [...list.path, i] },
        `no RequestAuthentication of these workloads has the issuer ${quote(issuer)}: known are ${quote(issuers.join(', '))}`,
      );
  }
}

/** The issuer that a value asks for letter by letter, if it does. */
function exactIssuer(value: string): string | undefined {
  const slash = value.lastIndexOf('/');
  const issuer = value.slice(0, slash);
  return slash === -1 || issuer.startsWith('*') || /^[a-z][a-z0-9+.-]*:\/?$/i.test(issuer)
    ? undefined
    : issuer;
}
