/** Walking the rules of AuthorizationPolicies: every list of values with its place and which way it fails. */
import type { AuthorizationRule, PathStep } from '../../resources/index.ts';
import { operationFields, sourceFields } from '../../resources/index.ts';
import type { LintContext, PolicyTarget } from './context.ts';

export interface RulePlace {
  readonly target: PolicyTarget;
  readonly rule: AuthorizationRule;
  readonly index: number;
  readonly path: readonly PathStep[];
}

export function* rulesOf(target: PolicyTarget): Generator<RulePlace> {
  for (const [index, rule] of target.resource.spec.rules.entries())
    yield { target, rule, index, path: ['spec', 'rules', index] };
}

export function* allRules(context: LintContext): Generator<RulePlace> {
  for (const target of context.policies) yield* rulesOf(target);
}

/** One list of values, whichever way it was written. */
export interface ValueList {
  readonly at: RulePlace;
  /** The field without `not`, or a key of `when`: `principals`, `source.principal`. */
  readonly name: string;
  readonly isNegative: boolean;
  readonly values: readonly string[];
  readonly path: readonly PathStep[];
}

export function* valuesOf(at: RulePlace): Generator<ValueList> {
  for (const [i, source] of at.rule.from.entries())
    for (const field of sourceFields)
      if (source[field].length > 0) yield list(at, field, source[field], ['from', i, 'source', field]);
  for (const [i, operation] of at.rule.to.entries())
    for (const field of operationFields)
      if (operation[field].length > 0) yield list(at, field, operation[field], ['to', i, 'operation', field]);
  for (const [i, { key, values, notValues }] of at.rule.when.entries()) {
    if (values.length > 0)
      yield { at, name: key, isNegative: false, values, path: [...at.path, 'when', i, 'values'] };
    if (notValues.length > 0)
      yield {
        at,
        name: key,
        isNegative: true,
        values: notValues,
        path: [...at.path, 'when', i, 'notValues'],
      };
  }
}

function list(at: RulePlace, field: string, values: readonly string[], path: readonly PathStep[]): ValueList {
  const isNegative = field.startsWith('not');
  const name = isNegative ? field.charAt(3).toLowerCase() + field.slice(4) : field;
  return { at, name, isNegative, values, path: [...at.path, ...path] };
}

/** The field that a condition key says the same as. */
const sameAs: Readonly<Record<string, string>> = {
  'source.principal': 'principals',
  'source.namespace': 'namespaces',
  'source.serviceAccount': 'serviceAccounts',
  'source.trustDomain': 'trustDomains',
  'source.ip': 'ipBlocks',
  'remote.ip': 'remoteIpBlocks',
  'request.auth.principal': 'requestPrincipals',
  'destination.port': 'ports',
};

/** `principals` for both `principals` and `source.principal`; a key without such a field is itself. */
export function fieldOf(name: string): string {
  return Object.hasOwn(sameAs, name) ? (sameAs[name] ?? name) : name;
}

const identityFields: ReadonlySet<string> = new Set([
  'principals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
]);

/** Needs a peer certificate. */
export function isIdentity(name: string): boolean {
  return identityFields.has(fieldOf(name));
}

/** Needs a verified token. */
export function isToken(name: string): boolean {
  return fieldOf(name) === 'requestPrincipals' || name.startsWith('request.auth.');
}

/** Needs HTTP (policy.md 3.7). */
export function isHttpOnly(name: string): boolean {
  return ['hosts', 'methods', 'paths'].includes(name) || isToken(name) || name.startsWith('request.headers');
}

/**
 * True when a value that does not match lets the request through: a positive match of a DENY rule, a negative match of
 * an ALLOW rule. There a mistake opens a gate; elsewhere it closes one.
 */
export function failsOpen({ at, isNegative }: Pick<ValueList, 'at' | 'isNegative'>): boolean {
  const { action } = at.target.resource.spec;
  if (action === 'AUDIT') return false;
  return isNegative === (action === 'ALLOW');
}

/** Severity by which way it fails. */
export function bySafety(values: Pick<ValueList, 'at' | 'isNegative'>): { readonly severity?: 'info' } {
  return failsOpen(values) ? {} : { severity: 'info' };
}

export function quote(text: string): string {
  const short = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return `\`${short.replace(/[\n\r\t`]/g, ' ')}\``;
}
