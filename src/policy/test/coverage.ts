import { type CompiledRule, type Entry, ruleId } from '../compile/authorization.ts';
import type { Explanation, RuleTrace } from '../explanation.ts';
import type { PolicySnapshot } from '../snapshot.ts';

export interface Coverage {
  readonly rules: Share;
  readonly clauses: Share;
}

/** How many were seen to match in some case, and the names of those that were not. */
export interface Share {
  readonly covered: number;
  readonly total: number;
  readonly missing: readonly string[];
}

/**
 * Collects what the cases of a test reached: a rule is covered once it matched in a case, a clause once it held.
 * Tell it the policies, then feed it the explanation of every case.
 */
export class CoverageCollector {
  readonly #rules = new Map<string, boolean>();
  readonly #clauses = new Map<string, boolean>();

  /** Every rule of a snapshot is to be reached, also one of a policy that no tested workload is selected by. */
  declare({ internals }: PolicySnapshot): void {
    for (const { authorization } of internals.entries.values())
      for (const rule of authorization?.rules ?? []) this.#declareRule(rule);
  }

  add(explanation: Explanation): void {
    for (const { policies } of explanation.stages)
      for (const { rules } of policies) for (const rule of rules) this.#addRule(rule);
  }

  get result(): Coverage {
    return { rules: share(this.#rules), clauses: share(this.#clauses) };
  }

  #declareRule(rule: CompiledRule): void {
    const id = ruleId(rule);
    note(this.#rules, id, false);
    const groups: readonly (readonly [string, Entry])[] = [
      ...rule.from.map((entry, index) => [`from[${index}]`, entry] as const),
      ...rule.to.map((entry, index) => [`to[${index}]`, entry] as const),
      ['when', rule.when],
    ];
    for (const [at, clauses] of groups)
      for (const clause of clauses) note(this.#clauses, `${id} ${at} ${clause.name}`, false);
  }

  #addRule(rule: RuleTrace): void {
    note(this.#rules, rule.id, rule.matched);
    const groups = [
      ...rule.from.map((entry) => ({ at: `from[${entry.index}]`, clauses: entry.clauses })),
      ...rule.to.map((entry) => ({ at: `to[${entry.index}]`, clauses: entry.clauses })),
      { at: 'when', clauses: rule.when },
    ];
    for (const { at, clauses } of groups)
      for (const clause of clauses) note(this.#clauses, `${rule.id} ${at} ${clause.field}`, clause.matched);
  }
}

function note(seen: Map<string, boolean>, name: string, held: boolean): void {
  seen.set(name, (seen.get(name) ?? false) || held);
}

function share(seen: ReadonlyMap<string, boolean>): Share {
  const missing = [...seen].filter(([, held]) => !held).map(([name]) => name);
  return { covered: seen.size - missing.length, total: seen.size, missing: missing.sort() };
}
