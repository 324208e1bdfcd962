import {
  type AuthorizationOperation,
  type AuthorizationRule,
  type AuthorizationSource,
  type OperationField,
  operationFields,
  type SourceField,
  sourceFields,
} from '../kinds/authorization-policy.ts';
import type { PositionedNode } from '../read/node.ts';
import { readCondition } from './conditions.ts';
import { type CheckText, Fields, noTexts } from './fields.ts';
import { kindOf, type Report } from './report.ts';
import {
  checkIpBlock,
  checkMethod,
  checkNotEmpty,
  checkPath,
  checkPort,
  checkServiceAccount,
  checkTrustDomain,
} from './values.ts';

const maxFrom = 512;
const maxServiceAccounts = 16;

/** A field without its `not`. */
function positive(field: string): string {
  return field.startsWith('not') ? field.charAt(3).toLowerCase() + field.slice(4) : field;
}

const checks: Readonly<Record<string, CheckText>> = {
  principals: checkNotEmpty,
  requestPrincipals: checkNotEmpty,
  namespaces: checkNotEmpty,
  serviceAccounts: checkServiceAccount,
  trustDomains: checkTrustDomain,
  ipBlocks: checkIpBlock,
  remoteIpBlocks: checkIpBlock,
  hosts: checkNotEmpty,
  ports: checkPort,
  methods: checkMethod,
  paths: checkPath,
};

const emptySource = Object.freeze(
  Object.fromEntries(sourceFields.map((field) => [field, noTexts])),
) as AuthorizationSource;
const emptyOperation = Object.freeze(
  Object.fromEntries(operationFields.map((field) => [field, noTexts])),
) as AuthorizationOperation;

export function readRule(node: PositionedNode, report: Report): AuthorizationRule | undefined {
  if (node.kind === 'scalar' && node.value === null) {
    report.add('CAS0734', node, 'a rule is nothing');
    return undefined;
  }
  const fields = Fields.of(node, ['from', 'to', 'when'], report);
  if (fields === undefined) return undefined;
  const from = readPart(fields, 'from', readFrom);
  const from_ = fields.node.get('from');
  if (from_?.kind === 'list' && from_.items.length > maxFrom)
    report.add('CAS0746', from_, `${from_.items.length} entries in \`from\`, at most ${maxFrom} are allowed`);
  const to = readPart(fields, 'to', readTo);
  return Object.freeze({ from, to, when: fields.list('when', readCondition) ?? [] });
}

/** `from: []` and `to: []` are refused: whether they mean everything or nothing is anyone's guess. */
function readPart<T>(
  fields: Fields,
  name: string,
  read: (node: PositionedNode, report: Report) => T | undefined,
): readonly T[] {
  const node = fields.node.get(name);
  if (node?.kind === 'list' && node.items.length === 0)
    fields.report.add('CAS0734', node, `\`${name}\` is an empty list`);
  return fields.list(name, read) ?? [];
}

function readEntry(node: PositionedNode, part: string, inner: string, report: Report): Fields | undefined {
  if (node.kind === 'scalar' && node.value === null) {
    report.add('CAS0734', node, `an entry of \`${part}\` is nothing`);
    return undefined;
  }
  const fields = Fields.of(node, [inner], report);
  if (fields === undefined) return undefined;
  if (!fields.has(inner)) report.add('CAS0734', node, `an entry of \`${part}\` has no \`${inner}\``);
  return fields;
}

function readFrom(node: PositionedNode, report: Report): AuthorizationSource | undefined {
  return readEntry(node, 'from', 'source', report)?.object('source', readSource);
}

function readTo(node: PositionedNode, report: Report): AuthorizationOperation | undefined {
  return readEntry(node, 'to', 'operation', report)?.object('operation', readOperation);
}

function readSource(node: PositionedNode, report: Report): AuthorizationSource | undefined {
  const source = readLists<SourceField, AuthorizationSource>(node, sourceFields, emptySource, report);
  if (source === undefined) return undefined;
  checkAccounts(node, source, report);
  return source;
}

function readOperation(node: PositionedNode, report: Report): AuthorizationOperation | undefined {
  return readLists<OperationField, AuthorizationOperation>(node, operationFields, emptyOperation, report);
}

function readLists<F extends string, T extends Readonly<Record<F, readonly string[]>>>(
  node: PositionedNode,
  names: readonly F[],
  empty: T,
  report: Report,
): T | undefined {
  const fields = Fields.of(node, names, report);
  if (fields === undefined) return undefined;
  const out: Record<string, readonly string[]> = { ...empty };
  let written = 0;
  for (const name of names) {
    const values = fields.texts(name, checks[positive(name)]);
    out[name] = values;
    const field = fields.node.get(name);
    if (field?.kind === 'list' && field.items.length === 0)
      report.add('CAS0914', field, `\`${name}\` is an empty list and counts as not written`);
    if (values.length > 0 || (field?.kind === 'list' && field.items.length > 0)) written++;
  }
  if (written === 0) report.add('CAS0734', node, `${kindOf(node)} names no field: it would match everything`);
  return Object.freeze(out) as T;
}

function checkAccounts(node: PositionedNode, source: AuthorizationSource, report: Report): void {
  const accounts = [...source.serviceAccounts, ...source.notServiceAccounts];
  const others = [
    ...source.principals,
    ...source.notPrincipals,
    ...source.namespaces,
    ...source.notNamespaces,
  ];
  if (accounts.length > 0 && others.length > 0)
    report.add('CAS0735', node, '`serviceAccounts` stands together with `principals` or `namespaces`');
  for (const name of ['serviceAccounts', 'notServiceAccounts'] as const)
    if (source[name].length > maxServiceAccounts)
      report.add(
        'CAS0740',
        node,
        `${source[name].length} values in \`${name}\`, at most ${maxServiceAccounts} are allowed`,
      );
}
