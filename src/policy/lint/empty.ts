import { dryRunAnnotation, isDryRun } from '../../resources/index.ts';
import { type LintContext, place } from './context.ts';
import { rulesOf } from './rules.ts';
import { describeScope } from './scope.ts';

/** What an empty policy and an empty rule say, in words. */
export function lintEmpty(context: LintContext): void {
  for (const target of context.policies) {
    const { spec, metadata } = target.resource;
    const where = describeScope(target.resource, context.mesh.rootNamespace);
    if (spec.rules.length === 0 && spec.action === 'ALLOW')
      context.report(
        'CAS0101',
        place(target, 'spec'),
        `this policy denies every request ${where} that no other ALLOW policy allows`,
      );
    if (spec.rules.length === 0 && spec.action === 'AUDIT')
      context.report('CAS0005', place(target, 'spec'), 'an AUDIT policy without rules never matches');
    for (const { rule, path } of rulesOf(target))
      if (rule.from.length + rule.to.length + rule.when.length === 0)
        context.report('CAS0101', { target, path }, emptyRule(spec.action, where));
    if (isDryRun(target.resource) && metadata.annotations.has(dryRunAnnotation))
      context.report(
        'CAS0131',
        place(target, 'metadata', 'annotations', dryRunAnnotation),
        `this ${spec.action} policy is not enforced`,
      );
  }
}

function emptyRule(action: string, where: string): string {
  switch (action) {
    case 'ALLOW':
      return `this rule allows every request ${where}, also from callers without identity`;
    case 'DENY':
      return `this rule denies every request ${where}`;
    case 'CUSTOM':
      return `this rule asks the provider about every request ${where}`;
    default:
      return `this rule records every request ${where}`;
  }
}
