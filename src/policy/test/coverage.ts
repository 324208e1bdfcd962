import type { Explanation, RuleTrace } from '../explanation.ts';

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
 * Feed it the explanation of every case.
 */
export class CoverageCollector {
  readonly #rules = new Map<string, boolean>();
  readonly #clauses = new Map<string, boolean>();

  add(explanation: Explanation): void {
    for (const { policies } of explanation.stages)
      for (const { rules } of policies) for (const rule of rules) this.#addRule(rule);
  }

  get result(): Coverage {
    return { rules: share(this.#rules), clauses: share(this.#clauses) };
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
