import type { JwtRule, PathStep } from '../../resources/index.ts';
import { type LintContext, type Place, type PolicyTarget, place, type RequestTarget } from './context.ts';
import { isToken, quote, rulesOf, valuesOf } from './rules.ts';
import { describeScope, scopesMeet } from './scope.ts';

/** policy.md 2.1 to 2.3. */
export function lintRequestAuthentications(context: LintContext): void {
  const asking = context.policies.filter(asksForToken);
  for (const target of context.requests) {
    const { jwtRules } = target.resource.spec;
    if (jwtRules.length === 0) {
      context.report(
        'CAS0005',
        place(target, 'spec'),
        'a RequestAuthentication without jwtRules verifies nothing',
      );
      continue;
    }
    for (const [i, rule] of jwtRules.entries()) lintRule(context, target, rule, ['spec', 'jwtRules', i]);
    lintPlaces(context, target);
    lintRequired(context, target, asking);
  }
}

function lintRule(
  context: LintContext,
  target: RequestTarget,
  rule: JwtRule,
  path: readonly PathStep[],
): void {
  const at = (...steps: readonly PathStep[]) => ({ target, path: [...path, ...steps] });
  if (rule.audiences.length === 0)
    context.report(
      'CAS0303',
      at(),
      `tokens of ${quote(rule.issuer ?? 'any issuer')} are accepted for any audience`,
    );
  if (rule.jwksUri !== undefined && /^http:/i.test(rule.jwksUri))
    context.report('CAS0310', at('jwksUri'), `${quote(rule.jwksUri)} is fetched without TLS`);
  for (const [i, { claim }] of rule.outputClaimToHeaders.entries())
    if (/:\/\/|\.\.|^\.|\.$/.test(claim))
      context.report(
        'CAS0307',
        at('outputClaimToHeaders', i, 'claim'),
        `${quote(claim)} is looked up level by level at its dots`,
      );
  if (rule.fromCookies.length > 0 && !rule.forwardOriginalToken)
    context.report(
      'CAS0308',
      at('fromCookies'),
      `the cookie ${quote(rule.fromCookies[0] ?? '')} is still sent to the workload`,
    );
  if (!rule.forwardOriginalToken) lintTakenAway(context, rule, at);
  const places = [...rule.fromHeaders.map(({ name }) => name), ...rule.fromParams, ...rule.fromCookies];
  if (places.length > 0 && !rule.fromHeaders.some(({ name }) => name.toLowerCase() === 'authorization'))
    context.report('CAS0309', at(), `tokens are only looked for in ${quote(places.join(', '))}`);
}

/** A used token leaves the request only where the proxy can change that part of it. */
function lintTakenAway(
  context: LintContext,
  { fromParams, fromHeaders }: JwtRule,
  at: (...steps: readonly PathStep[]) => Place,
): void {
  const [parameter] = fromParams;
  const own = fromHeaders.findIndex(({ name }) => name.toLowerCase() !== 'authorization');
  if (parameter !== undefined)
    context.report(
      'CAS0311',
      at('fromParams'),
      `behind nginx, HAProxy, Caddy and Traefik the parameter ${quote(parameter)} is still sent to the workload`,
    );
  else if (own !== -1)
    context.report(
      'CAS0311',
      at('fromHeaders', own),
      `nginx, Caddy and Traefik need a line of configuration to take the header ${quote(fromHeaders[own]?.name ?? '')} away`,
    );
}

function placesOf(rule: JwtRule): string {
  const places = [
    ...rule.fromHeaders.map(({ name }) => `header ${name.toLowerCase()}`),
    ...rule.fromParams.map((name) => `parameter ${name}`),
    ...rule.fromCookies.map((name) => `cookie ${name}`),
  ];
  return places.length === 0 ? 'header authorization, parameter access_token' : places.sort().join(', ');
}

/** policy.md 2.3: the bad token at the second place passes when the first is good. */
function lintPlaces(context: LintContext, target: RequestTarget): void {
  const [first, ...rest] = target.resource.spec.jwtRules.map(placesOf);
  const other = rest.findIndex((text) => text !== first);
  if (other !== -1)
    context.report(
      'CAS0306',
      place(target, 'spec', 'jwtRules', other + 1),
      `this rule reads ${quote(rest[other] ?? '')}, another reads ${quote(first ?? '')}`,
    );
}

function asksForToken(policy: PolicyTarget): boolean {
  return [...rulesOf(policy)].some((rule) => [...valuesOf(rule)].some((list) => isToken(list.name)));
}

function lintRequired(context: LintContext, target: RequestTarget, asking: readonly PolicyTarget[]): void {
  if (target.resource.spec.jwtRules.every((rule) => rule.presence === 'REQUIRED')) return;
  const { rootNamespace } = context.mesh;
  if (asking.some((policy) => scopesMeet(policy.resource, target.resource, rootNamespace))) return;
  const where = describeScope(target.resource, rootNamespace);
  context.report(
    'CAS0304',
    place(target, 'spec'),
    `no policy given here asks for a token ${where}: requests without one pass`,
  );
}
