import { hash } from 'node:crypto';
import type {
  AuthorizationPolicy,
  CompilableResource,
  OperationField,
  OperationSpec,
  RuleSpec,
  SourceField,
  SourceSpec,
  Targeted,
} from '../source.ts';

/**
 * The content of a resource as text, for its revision: what decides, and nothing else. Every text is preceded by its
 * length, so that no two contents give one text.
 */
export function contentHash(resource: CompilableResource): string {
  return hash('sha256', contentText(resource));
}

function contentText(resource: CompilableResource): string {
  const { kind, metadata } = resource;
  const name = text(kind) + text(metadata.namespace) + text(metadata.name);
  if (kind === 'AuthorizationPolicy') return name + authorizationText(resource);
  const age = kind === 'PeerAuthentication' ? `@${metadata.createdAt ?? ''};` : '';
  return name + age + anyText(resource.spec);
}

type SourceKey = keyof SourceSpec;
type OperationKey = keyof OperationSpec;

/** One list of values in a rule's entry. */
export interface ListSlot<Key, Base> {
  /** Where it stands. */
  readonly key: Key;
  /** Whose values they are, `not` taken off. */
  readonly base: Base;
  readonly negated: boolean;
  readonly name: string;
}

/** Each field beside its `not` form, in the order in which clauses are compiled, evaluated and shown. */
export const sourceSlots: readonly ListSlot<SourceKey, SourceField>[] = (
  [
    'principals',
    'namespaces',
    'serviceAccounts',
    'trustDomains',
    'requestPrincipals',
    'ipBlocks',
    'remoteIpBlocks',
  ] as const
).flatMap((base) => [
  { key: base, base, negated: false, name: `source.${base}` },
  { key: notForm(base), base, negated: true, name: `source.${notForm(base)}` },
]);

export const operationSlots: readonly ListSlot<OperationKey, OperationField>[] = (
  ['hosts', 'ports', 'methods', 'paths'] as const
).flatMap((base) => [
  { key: base, base, negated: false, name: `operation.${base}` },
  { key: notForm(base), base, negated: true, name: `operation.${notForm(base)}` },
]);

function notForm<B extends string>(base: B): `not${Capitalize<B>}` {
  return `not${base[0]?.toUpperCase()}${base.slice(1)}` as `not${Capitalize<B>}`;
}

function authorizationText({ metadata, spec }: AuthorizationPolicy): string {
  const dryRun = text(metadata.annotations?.get('istio.io/dry-run') ?? '');
  const head = `${dryRun}${spec.action};${text(spec.provider ?? '')}${targetText(spec)}`;
  let rules = '';
  for (const rule of spec.rules) rules += ruleText(rule);
  return `${head}${spec.rules.length};${rules}`;
}

function ruleText(rule: RuleSpec): string {
  let body = `f${rule.from.length};`;
  for (const source of rule.from) body += `${sourceText(source)}|`;
  body += `t${rule.to.length};`;
  for (const operation of rule.to) body += `${operationText(operation)}|`;
  body += `w${rule.when.length};`;
  for (const { key, values, notValues } of rule.when)
    body += text(key) + list('v', values) + list('n', notValues);
  return body;
}

/** An entry of `from`, as text: equal exactly for equal entries. Written out, not looped: it is done for every rule. */
function sourceText(s: SourceSpec): string {
  return (
    list('0', s.principals) +
    list('1', s.notPrincipals) +
    list('2', s.namespaces) +
    list('3', s.notNamespaces) +
    list('4', s.serviceAccounts) +
    list('5', s.notServiceAccounts) +
    list('6', s.trustDomains) +
    list('7', s.notTrustDomains) +
    list('8', s.requestPrincipals) +
    list('9', s.notRequestPrincipals) +
    list('10', s.ipBlocks) +
    list('11', s.notIpBlocks) +
    list('12', s.remoteIpBlocks) +
    list('13', s.notRemoteIpBlocks)
  );
}

/** The same for an entry of `to`. */
export function operationText(o: OperationSpec): string {
  return (
    list('0', o.hosts) +
    list('1', o.notHosts) +
    list('2', o.ports) +
    list('3', o.notPorts) +
    list('4', o.methods) +
    list('5', o.notMethods) +
    list('6', o.paths) +
    list('7', o.notPaths)
  );
}

function targetText({ selector, targetRefs = [] }: Targeted): string {
  return anyText(selector) + anyText(targetRefs);
}

/** Nothing for an empty list: it is a field that was not written. */
function list(tag: string, values: readonly string[]): string {
  if (values.length === 0) return '';
  let body = `${tag}#${values.length};`;
  for (const value of values) body += text(value);
  return body;
}

function text(value: string): string {
  return `${value.length}:${value}`;
}

/** Any parsed value: members and map entries in the order of their names; what is undefined is left out. */
function anyText(value: unknown): string {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(anyText).join('')}]`;
  if (typeof value !== 'object' || value === null) return `${String(value)};`;
  const entries: [string, unknown][] =
    value instanceof Map ? [...value].map(([k, v]) => [String(k), v]) : Object.entries(value);
  const written = entries.filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${written.map(([k, v]) => text(k) + anyText(v)).join('')}}`;
}
