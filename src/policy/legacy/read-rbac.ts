import { Fields, type MapNode, type PositionedNode, type Report } from '../../resources/index.ts';
import type {
  Constraint,
  LegacyObject,
  Lists,
  RbacConfig,
  RbacTarget,
  RoleRule,
  ServiceRole,
  ServiceRoleBinding,
  Subject,
} from './model.ts';
import { bothSpellings, spelt } from './read-authentication.ts';

const operationLists = ['hosts', 'notHosts', 'paths', 'notPaths', 'methods', 'notMethods'];
const portLists = ['ports', 'notPorts'];

export function readServiceRole(
  object: LegacyObject,
  spec: PositionedNode,
  report: Report,
): ServiceRole | undefined {
  const fields = Fields.of(spec, ['rules'], report);
  return fields && { ...object, rules: fields.list('rules', readRoleRule) ?? [] };
}

function readRoleRule(node: PositionedNode, report: Report): RoleRule | undefined {
  const fields = Fields.of(
    node,
    bothSpellings(['services', ...operationLists, ...portLists, 'constraints']),
    report,
  );
  if (fields === undefined) return undefined;
  const operation: Record<string, readonly string[]> = {};
  for (const name of operationLists) operation[name] = fields.texts(spelt(fields, name));
  for (const name of portLists) operation[name] = fields.list(spelt(fields, name), readPort) ?? [];
  return {
    services: fields.texts('services'),
    operation: operation as Lists,
    constraints: fields.list('constraints', readConstraint) ?? [],
    root: fields.node,
  };
}

function readPort(node: PositionedNode, report: Report): string | undefined {
  const text = node.kind === 'scalar' ? node.text : '';
  if (/^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535) return text;
  report.add('CAS0738', node, 'expected a port number');
  return undefined;
}

function readConstraint(node: PositionedNode, report: Report): Constraint | undefined {
  const fields = Fields.of(node, ['key', 'values'], report);
  return fields && { key: fields.requiredText('key') ?? '', values: fields.texts('values') };
}

const subjectFields = bothSpellings([
  'user',
  'names',
  'notNames',
  'group',
  'groups',
  'notGroups',
  'namespaces',
  'notNamespaces',
  'ips',
  'notIps',
  'properties',
]);

export function readServiceRoleBinding(
  object: LegacyObject,
  spec: PositionedNode,
  report: Report,
): ServiceRoleBinding | undefined {
  const fields = Fields.of(spec, bothSpellings(['subjects', 'roleRef', 'mode', 'actions', 'role']), report);
  if (fields === undefined) return undefined;
  const role = fields.object(spelt(fields, 'roleRef'), readRoleRef) ?? fields.text('role') ?? '';
  return {
    ...object,
    subjects: fields.list('subjects', readSubject) ?? [],
    role,
    isPermissive: fields.oneOf('mode', ['ENFORCED', 'PERMISSIVE']) === 'PERMISSIVE',
  };
}

function readRoleRef(node: PositionedNode, report: Report): string | undefined {
  const fields = Fields.of(node, ['kind', 'name'], report);
  fields?.oneOf('kind', ['ServiceRole']);
  return fields?.text('name');
}

function readSubject(node: PositionedNode, report: Report): Subject | undefined {
  const fields = Fields.of(node, subjectFields, report);
  if (fields === undefined) return undefined;
  const one = (name: string) => {
    const value = fields.text(name);
    return value === undefined || value === '' ? [] : [value];
  };
  const many = (name: string) => fields.texts(spelt(fields, name));
  return {
    names: [...one('user'), ...many('names')],
    notNames: many('notNames'),
    groups: [...one('group'), ...many('groups')],
    notGroups: many('notGroups'),
    namespaces: many('namespaces'),
    notNamespaces: many('notNamespaces'),
    ips: many('ips'),
    notIps: many('notIps'),
    properties: fields.textMap('properties'),
    root: fields.node,
  };
}

export function readRbacConfig(
  object: LegacyObject,
  spec: PositionedNode,
  report: Report,
): RbacConfig | undefined {
  const fields = Fields.of(
    spec,
    bothSpellings(['mode', 'inclusion', 'exclusion', 'enforcementMode']),
    report,
  );
  if (fields === undefined) return undefined;
  const none: RbacTarget = { services: [], namespaces: [] };
  return {
    ...object,
    mode: fields.oneOf('mode', ['OFF', 'ON', 'ON_WITH_INCLUSION', 'ON_WITH_EXCLUSION']) ?? 'OFF',
    inclusion: fields.object('inclusion', readRbacTarget) ?? none,
    exclusion: fields.object('exclusion', readRbacTarget) ?? none,
    isPermissive: fields.oneOf(spelt(fields, 'enforcementMode'), ['ENFORCED', 'PERMISSIVE']) === 'PERMISSIVE',
  };
}

function readRbacTarget(node: PositionedNode, report: Report): RbacTarget | undefined {
  const fields = Fields.of(node, bothSpellings(['services', 'namespaces', 'workloadSelectors']), report);
  return fields && { services: fields.texts('services'), namespaces: fields.texts('namespaces') };
}

/** Text of a scalar, wherever it stands; no finding when it is none. */
export function looseText(root: MapNode, ...steps: readonly string[]): string | undefined {
  let at: PositionedNode | undefined = root;
  for (const step of steps) at = at?.kind === 'map' ? at.get(step) : undefined;
  return at?.kind === 'scalar' && at.value !== null ? at.text : undefined;
}
