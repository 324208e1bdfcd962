import { nearestName } from '../../base/nearest.ts';
import type { AuthorizationCondition } from '../kinds/authorization-policy.ts';
import type { PositionedNode } from '../read/node.ts';
import { type CheckText, Fields } from './fields.ts';
import { kindOf, quoted, type Report } from './report.ts';
import {
  checkIpBlock,
  checkNotEmpty,
  checkPort,
  checkServiceAccount,
  checkTrustDomainCondition,
} from './values.ts';

/** The keys of `when` (policy.md 3.5) that are whole names, with the check of their values. */
const plainKeys: Readonly<Record<string, CheckText>> = {
  'source.ip': checkIpBlock,
  'remote.ip': checkIpBlock,
  'source.namespace': checkNotEmpty,
  'source.serviceAccount': checkServiceAccount,
  'source.trustDomain': checkTrustDomainCondition,
  'source.principal': checkNotEmpty,
  'request.auth.principal': checkNotEmpty,
  'request.auth.audiences': checkNotEmpty,
  'request.auth.presenter': checkNotEmpty,
  'destination.ip': checkIpBlock,
  'destination.port': checkPort,
  'connection.sni': checkNotEmpty,
};

export const conditionKeys: readonly string[] = Object.freeze([
  ...Object.keys(plainKeys),
  'request.headers[…]',
  'request.auth.claims[…]',
  'experimental.envoy.filters.…[…]',
]);

const bracketed = ['request.headers', 'request.auth.claims', 'experimental.envoy.filters.'];
const retired = ['destination.namespace', 'destination.labels', 'destination.name', 'destination.user'];

/** What a key of `when` is; the sentence says why it cannot be one. */
export function conditionKeyProblem(key: string): string | undefined {
  if (key === '') return 'a condition has no key';
  if (Object.hasOwn(plainKeys, key)) return undefined;
  const family = bracketed.find((prefix) => key.startsWith(prefix));
  if (
    family !== undefined &&
    (family.endsWith('.') || key.startsWith('[', family.length) || key === family)
  ) {
    const open = key.indexOf('[');
    return open > 0 && key.endsWith(']') && open < key.length - 2
      ? undefined
      : `the key ${quoted(key)} must have the form \`${family.replace(/\.$/, '.<filter>')}[name]\``;
  }
  if (retired.some((name) => key === name || key.startsWith(`${name}[`)))
    return `the key ${quoted(key)} was retired: select workloads with the policy's selector`;
  const nearest = nearestKey(key);
  return `there is no key ${quoted(key)}${nearest === undefined ? '' : `; did you mean \`${nearest}\`?`}`;
}

function nearestKey(key: string): string | undefined {
  const open = key.indexOf('[');
  const name = open === -1 ? key : key.slice(0, open);
  const nearest = nearestName(name, [...Object.keys(plainKeys), 'request.headers', 'request.auth.claims']);
  return nearest?.match(/headers$|claims$/) ? `${nearest}${open === -1 ? '[…]' : key.slice(open)}` : nearest;
}

export function readCondition(node: PositionedNode, report: Report): AuthorizationCondition | undefined {
  if (node.kind !== 'map') {
    report.add('CAS0734', node, `a condition is ${kindOf(node)}`);
    return undefined;
  }
  const fields = Fields.of(node, ['key', 'values', 'notValues'], report);
  if (fields === undefined) return undefined;
  const key = fields.text('key') ?? '';
  const problem = conditionKeyProblem(key);
  if (problem !== undefined) report.add('CAS0742', fields.node.get('key') ?? node, problem);
  const check = Object.hasOwn(plainKeys, key) ? (plainKeys[key] ?? checkNotEmpty) : checkNotEmpty;
  const values = fields.texts('values', check);
  const notValues = fields.texts('notValues', check);
  if (values.length === 0 && notValues.length === 0)
    report.add('CAS0743', node, `the condition on ${quoted(key)} has neither values nor notValues`);
  return Object.freeze({ key, values, notValues });
}
