/**
 * When one rule matches everything another matches. The answer is careful: `true` only where the texts alone prove it,
 * so `false` may mean "unknown".
 */
import { cidrContains, parseIpBlock } from '../../base/ip.ts';
import {
  type AuthorizationCondition,
  type AuthorizationRule,
  isPathTemplate,
  operationFields,
  sourceFields,
} from '../../resources/index.ts';
import { fieldOf } from './rules.ts';

/** A rule, and the namespace that its unqualified service accounts are in. */
export interface NamespacedRule {
  readonly rule: AuthorizationRule;
  readonly namespace: string;
}

export function coversRule(wide: NamespacedRule, narrow: NamespacedRule): boolean {
  const [a, b] = [wide.rule, narrow.rule];
  return (
    coversEntries(a.from, b.from, (x, y) => coversFields(sourceFields, x, y, [wide, narrow])) &&
    coversEntries(a.to, b.to, (x, y) => coversFields(operationFields, x, y, [wide, narrow])) &&
    a.when.every((condition) => b.when.some((other) => coversCondition(condition, other, [wide, narrow])))
  );
}

/** Nothing written matches all; else each of the narrow entries needs a wide one. */
function coversEntries<T>(
  wide: readonly T[],
  narrow: readonly T[],
  covers: (a: T, b: T) => boolean,
): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((entry) => wide.some((other) => covers(other, entry)));
}

type Lists = Readonly<Record<string, readonly string[]>>;
type Sides = readonly [wide: NamespacedRule, narrow: NamespacedRule];

function coversFields(fields: readonly string[], wide: Lists, narrow: Lists, sides: Sides): boolean {
  return fields.every((field) => {
    const values = wide[field] ?? [];
    if (values.length === 0) return true;
    if (!field.startsWith('not')) return coversPositive(field, values, narrow[field] ?? [], sides);
    const name = field.charAt(3).toLowerCase() + field.slice(4);
    return coversNegative(
      name,
      values,
      { positive: narrow[name] ?? [], negative: narrow[field] ?? [] },
      sides,
    );
  });
}

function coversPositive(
  field: string,
  wide: readonly string[],
  narrow: readonly string[],
  sides: Sides,
): boolean {
  return (
    narrow.length > 0 &&
    narrow.every((value) => wide.some((other) => coversValue(field, other, value, sides)))
  );
}

/** What the wide side excludes, the narrow side must exclude too, or never ask for. */
function coversNegative(
  field: string,
  excluded: readonly string[],
  narrow: { readonly positive: readonly string[]; readonly negative: readonly string[] },
  sides: Sides,
): boolean {
  return excluded.every(
    (value) =>
      narrow.negative.some((other) => coversValue(field, other, value, [sides[1], sides[0]])) ||
      (narrow.positive.length > 0 && narrow.positive.every((other) => areDisjoint(field, value, other))),
  );
}

function coversCondition(
  wide: AuthorizationCondition,
  narrow: AuthorizationCondition,
  sides: Sides,
): boolean {
  if (wide.key !== narrow.key) return false;
  const field = fieldOf(wide.key);
  const positive = wide.values.length === 0 || coversPositive(field, wide.values, narrow.values, sides);
  const negative = { positive: narrow.values, negative: narrow.notValues };
  return positive && coversNegative(field, wide.notValues, negative, sides);
}

function coversValue(field: string, wide: string, narrow: string, sides: Sides): boolean {
  switch (field) {
    case 'ipBlocks':
    case 'remoteIpBlocks':
    case 'destination.ip':
      return coversRange(wide, narrow);
    case 'ports':
      return wide === narrow;
    case 'serviceAccounts':
      return qualify(wide, sides[0]) === qualify(narrow, sides[1]);
    case 'requestPrincipals':
      return wide === narrow || wide === '*';
    case 'namespaces':
      return wide === narrow || wide === '*';
    case 'hosts':
      return coversPattern(wide.toLowerCase(), narrow.toLowerCase());
    case 'paths':
      if (isPathTemplate(wide) || isPathTemplate(narrow))
        return wide === narrow || wide === '*' || wide === '/{**}';
      return coversPattern(wide, narrow);
    default:
      return coversPattern(wide, narrow);
  }
}

function qualify(account: string, side: NamespacedRule): string {
  return account.includes('/') ? account : `${side.namespace}/${account}`;
}

function coversRange(wide: string, narrow: string): boolean {
  const [a, b] = [parseIpBlock(wide), parseIpBlock(narrow)];
  return a !== undefined && b !== undefined && a.prefixLength <= b.prefixLength && cidrContains(a, b.network);
}

/** Istio's patterns: `*`, `x*`, `*x` or exact; `*` means not empty. */
export function coversPattern(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === '*') return true;
  const form = (text: string) => (text.startsWith('*') ? 'suffix' : text.endsWith('*') ? 'prefix' : 'exact');
  const [w, n] = [form(wide), form(narrow)];
  if (narrow === '*' || w === 'exact') return false;
  if (w === 'suffix') {
    const end = wide.slice(1);
    return n === 'exact' ? narrow.endsWith(end) : n === 'suffix' && narrow.slice(1).endsWith(end);
  }
  const start = wide.slice(0, -1);
  return n === 'exact' ? narrow.startsWith(start) : n === 'prefix' && narrow.slice(0, -1).startsWith(start);
}

/** Two plain values that are not the same; anything with a wildcard may overlap. */
function areDisjoint(field: string, a: string, b: string): boolean {
  if (/[*{]/.test(a) || /[*{]/.test(b)) return false;
  if (field === 'serviceAccounts' || field.endsWith('pBlocks') || field === 'destination.ip') return false;
  return field === 'hosts' ? a.toLowerCase() !== b.toLowerCase() : a !== b;
}

/** True when what one part asks for the same part excludes: then it never matches. */
export function excludesItself(namespaced: NamespacedRule): boolean {
  const { rule } = namespaced;
  const never = (fields: readonly string[], lists: Lists) =>
    fields.some((field) => {
      const values = lists[field] ?? [];
      const excluded = lists[`not${field.charAt(0).toUpperCase()}${field.slice(1)}`] ?? [];
      return isExcluded(field, values, excluded, namespaced);
    });
  return (
    (rule.from.length > 0 && rule.from.every((source) => never(sourceFields, source))) ||
    (rule.to.length > 0 && rule.to.every((operation) => never(operationFields, operation))) ||
    rule.when.some(({ key, values, notValues }) => isExcluded(fieldOf(key), values, notValues, namespaced))
  );
}

function isExcluded(
  field: string,
  values: readonly string[],
  excluded: readonly string[],
  side: NamespacedRule,
): boolean {
  if (field.startsWith('not') || values.length === 0) return false;
  return values.every((value) => excluded.some((other) => coversValue(field, other, value, [side, side])));
}
