import type { AuthorizationRule } from '../../resources/index.ts';
import type { NamespacedRule } from './cover.ts';
import { fieldOf } from './rules.ts';

/** In these a value without `*` or template covers nothing but itself. */
const exactFields = [
  'principals',
  'requestPrincipals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'paths',
  'hosts',
  'methods',
  'ports',
];

type Lists = Readonly<Record<string, readonly string[]>>;

/**
 * Finds the rules that may cover another without looking at all of them: a rule whose every entry names exact values can
 * only cover rules that name one of them.
 */
export class CoverIndex<T extends NamespacedRule> {
  readonly #byValue = new Map<string, T[]>();
  readonly #always: T[] = [];

  constructor(rules: readonly T[]) {
    for (const rule of rules) {
      const keys = keysOfWide(rule);
      if (keys === undefined) this.#always.push(rule);
      else for (const key of new Set(keys)) this.#add(key, rule);
    }
  }

  /** Every rule that could cover this one, and some that do not. */
  *candidates(narrow: T): Generator<T> {
    yield* this.#always;
    const seen = new Set<T>();
    for (const key of keysOfNarrow(narrow))
      for (const rule of this.#byValue.get(key) ?? []) {
        if (seen.has(rule)) continue;
        seen.add(rule);
        yield rule;
      }
  }

  #add(key: string, rule: T): void {
    const list = this.#byValue.get(key);
    if (list === undefined) this.#byValue.set(key, [rule]);
    else list.push(rule);
  }
}

function entriesOf(rule: AuthorizationRule): readonly (readonly Lists[])[] {
  // A condition on a field is an entry with one list; all of them must hold, so each is a part of its own.
  const conditions = rule.when.map(({ key, values }) => [{ [`when ${fieldOf(key)}`]: values }]);
  return [rule.from, rule.to, ...conditions];
}

/** The values of one part whose every entry has a list of exact values; undefined when there is no such part. */
function keysOfWide({ rule, namespace }: NamespacedRule): string[] | undefined {
  for (const entries of entriesOf(rule)) {
    const lists = entries.map((entry) => exactList(entry));
    if (lists.length === 0 || lists.includes(undefined)) continue;
    return lists.flatMap((found) =>
      (found?.values ?? []).map((value) => keyOf(found?.field ?? '', value, namespace)),
    );
  }
  return undefined;
}

function exactList(entry: Lists): { field: string; values: readonly string[] } | undefined {
  for (const [field, values] of Object.entries(entry))
    if (isExactField(field) && values.length > 0 && !values.some((value) => /[*{]/.test(value)))
      return { field, values };
  return undefined;
}

function isExactField(field: string): boolean {
  return (
    exactFields.includes(field.replace(/^when /, '')) || /^when request\.|^when connection\./.test(field)
  );
}

/** One value of each list of each part's first entry: whoever covers the rule covers that entry, and that value. */
function keysOfNarrow({ rule, namespace }: NamespacedRule): string[] {
  return entriesOf(rule).flatMap(([first]) =>
    Object.entries(first ?? {}).flatMap(([field, [value]]) =>
      value === undefined || !isExactField(field) ? [] : [keyOf(field, value, namespace)],
    ),
  );
}

function keyOf(field: string, value: string, namespace: string): string {
  if (field.endsWith('hosts')) return `${field} ${value.toLowerCase()}`;
  if (field.endsWith('serviceAccounts') && !value.includes('/')) return `${field} ${namespace}/${value}`;
  return `${field} ${value}`;
}
