import {
  type AuthorizationPolicySpec,
  type AuthorizationRule,
  authorizationActions,
  dryRunAnnotation,
  type OperationField,
  operationFields,
  parseGoBool,
} from '../kinds/authorization-policy.ts';
import { nodeAt, type PositionedNode } from '../read/node.ts';
import type { ResourceMetadata } from '../resource.ts';
import { readRule } from './authorization-rules.ts';
import { Fields } from './fields.ts';
import { quoted, type Report } from './report.ts';
import { readSelection } from './selection.ts';

const specFields = ['selector', 'targetRef', 'targetRefs', 'action', 'provider', 'rules'];
const maxRules = 512;

export function readAuthorizationPolicy(
  node: PositionedNode,
  report: Report,
): AuthorizationPolicySpec | undefined {
  const fields = Fields.of(node, specFields, report);
  if (fields === undefined) return undefined;
  const action = fields.oneOf('action', authorizationActions) ?? 'ALLOW';
  const provider = fields.object('provider', readProvider);
  const rules = fields.list('rules', readRule) ?? [];
  const spec: AuthorizationPolicySpec = Object.freeze({ ...readSelection(fields), action, provider, rules });
  checkAction(fields, spec);
  if (action === 'CUSTOM') checkCustomRules(fields, rules);
  if (action === 'DENY')
    for (const [i, rule] of rules.entries()) checkDenyRule(ruleNode(fields, i), rule, report);
  return spec;
}

function readProvider(node: PositionedNode, report: Report): string | undefined {
  return Fields.of(node, ['name'], report)?.text('name');
}

function ruleNode(fields: Fields, index: number): PositionedNode {
  return nodeAt(fields.node, ['rules', index]);
}

function checkAction(fields: Fields, spec: AuthorizationPolicySpec): void {
  const { report } = fields;
  const rules = fields.node.get('rules');
  const count = rules?.kind === 'list' ? rules.items.length : 0;
  if (count > maxRules)
    report.add('CAS0746', fields.key('rules'), `${count} rules, at most ${maxRules} are allowed`);
  if (spec.action === 'CUSTOM') {
    if (count === 0) report.add('CAS0731', fields.node, 'a CUSTOM policy has no rules');
    if (spec.provider === undefined || spec.provider === '')
      report.add('CAS0731', fields.key('provider'), 'a CUSTOM policy names no provider');
  } else if (fields.has('provider')) {
    report.add('CAS0731', fields.key('provider'), `a provider is named, and the action is ${spec.action}`);
  }
  if (spec.action === 'DENY' && count === 0)
    report.add('CAS0733', fields.node, 'a DENY policy has no rules: it never matches');
}

/** policy.md 3.12. */
const customRefuses = [
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'requestPrincipals',
  'notRequestPrincipals',
] as const;
const customRefusesKeys = /^(source\.(principal|namespace|serviceAccount|trustDomain)$|request\.auth\.)/;

function checkCustomRules(fields: Fields, rules: readonly AuthorizationRule[]): void {
  const { report } = fields;
  const at = (...steps: (string | number)[]) => nodeAt(fields.node, ['rules', ...steps]);
  for (const [i, rule] of rules.entries()) {
    for (const [j, source] of rule.from.entries())
      for (const name of customRefuses)
        if (source[name].length > 0)
          report.add('CAS0732', at(i, 'from', j, 'source', name), `a CUSTOM rule cannot use \`${name}\``);
    for (const [j, condition] of rule.when.entries())
      if (customRefusesKeys.test(condition.key))
        report.add('CAS0732', at(i, 'when', j), `a CUSTOM rule cannot use the key ${quoted(condition.key)}`);
  }
}

const httpOnly: readonly OperationField[] = operationFields.filter((name) => !/ports$/i.test(name));

/** policy.md corrections 2: an operation with HTTP-only fields and no ports; a rule with only `when` never warns. */
function checkDenyRule(node: PositionedNode, rule: AuthorizationRule, report: Report): void {
  for (const [i, operation] of rule.to.entries()) {
    const used = httpOnly.filter((name) => operation[name].length > 0);
    if (used.length === 0 || operation.ports.length > 0 || operation.notPorts.length > 0) continue;
    const names = used.map((name) => `\`${name}\``).join(', ');
    const message =
      rule.from.length === 0
        ? `on a TCP port this rule would deny every connection: it has ${names} and no ports`
        : `on a TCP port this rule would deny every connection from its sources: it has ${names} and no ports`;
    report.add('CAS0744', nodeAt(node, ['to', i, 'operation']), message);
  }
}

/** policy.md corrections 1: the annotation is a boolean, on ALLOW and DENY only. */
export function checkDryRun(
  metadata: ResourceMetadata,
  root: PositionedNode,
  action: string | undefined,
  report: Report,
): void {
  const value = metadata.annotations.get(dryRunAnnotation);
  if (value === undefined) return;
  const node = nodeAt(root, ['metadata', 'annotations', dryRunAnnotation]);
  if (action !== 'ALLOW' && action !== 'DENY')
    report.add(
      'CAS0745',
      node,
      `\`${dryRunAnnotation}\` stands on ${action === undefined ? 'an object' : `a policy with action ${action}`} that is never dry-run`,
    );
  else if (parseGoBool(value) === undefined) report.add('CAS0745', node, `${quoted(value)} is not a boolean`);
}
