import { isDryRun } from '../../resources/index.ts';
import type { LintContext, PolicyTarget } from './context.ts';
import { guaranteesMtls } from './effective-mtls.ts';
import {
  allRules,
  failsOpen,
  isIdentity,
  quote,
  type RulePlace,
  rulesOf,
  type ValueList,
  valuesOf,
} from './rules.ts';
import { coversScope } from './scope.ts';

/** Identity fields where plaintext can come in (policy.md 3.3): one finding a rule, at the field that fails worst. */
export function lintIdentity(context: LintContext): void {
  const requirements = context.policies.filter(requiresMtls);
  for (const rule of allRules(context)) {
    const { resource } = rule.target;
    if (resource.spec.action === 'AUDIT') continue;
    const lists = [...valuesOf(rule)].filter((list) => isIdentity(list.name) && !isRequirement(list));
    const found = lists.find((list) => failsOpen(list) && !isBesidePositive(rule, list)) ?? lists[0];
    if (found === undefined) continue;
    const answer = guaranteesMtls(context, resource);
    if (answer.isGuaranteed || isUnder(context, rule, requirements)) continue;
    const isOpen = failsOpen(found) && !isBesidePositive(rule, found);
    context.report(
      'CAS0104',
      { target: rule.target, path: found.path },
      `${consequence(found, isOpen)}: ${answer.because}`,
      {
        ...(isOpen ? {} : { severity: 'info' }),
        ...(isOpen ? {} : { why: 'a plaintext caller has no identity, so this rule never matches it' }),
      },
    );
  }
}

function consequence(list: ValueList, isOpen: boolean): string {
  const field = quote(list.isNegative ? `not ${list.name}` : list.name);
  if (!isOpen) return `${field} never matches a plaintext caller`;
  return list.isNegative
    ? `a plaintext caller satisfies ${field} and is let through`
    : `a plaintext caller is not stopped by ${field}`;
}

/** DENY from notPrincipals ["*"] is itself the requirement of mutual TLS. */
function isRequirement(list: ValueList): boolean {
  return list.isNegative && list.values.includes('*') && list.at.target.resource.spec.action !== 'ALLOW';
}

/** In an ALLOW source, a positive identity beside the negative one keeps plaintext out. */
function isBesidePositive(rule: RulePlace, list: ValueList): boolean {
  if (!list.isNegative) return false;
  const whole = [...valuesOf(rule)].filter((other) => isIdentity(other.name) && !other.isNegative);
  const scope = list.path[3] === 'from' ? list.path.slice(0, 5) : list.path.slice(0, 3);
  return whole.some((other) => other.path[3] === 'when' || scope.every((step, i) => other.path[i] === step));
}

/** The idiom `DENY from notPrincipals ["*"]`. */
function requiresMtls(target: PolicyTarget): boolean {
  const isDenying = target.resource.spec.action === 'DENY' && !isDryRun(target.resource);
  return isDenying && [...rulesOf(target)].some(isMtlsRule);
}

function isUnder(context: LintContext, rule: RulePlace, policies: readonly PolicyTarget[]): boolean {
  return policies.some((target) =>
    coversScope(target.resource, rule.target.resource, context.mesh.rootNamespace),
  );
}

function isMtlsRule({ rule }: RulePlace): boolean {
  if (rule.to.length + rule.when.length > 0) return false;
  return rule.from.some((source) => {
    const written = Object.values(source).filter((values) => values.length > 0);
    return written.length === 1 && source.notPrincipals.includes('*');
  });
}
