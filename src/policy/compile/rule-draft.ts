import type { PolicyRef } from '../decision.ts';
import { policyErrors } from '../errors.ts';
import type { Clause } from '../match/clause.ts';
import type { ConditionSpec, PolicyAction, RuleSpec } from '../source.ts';
import { operationSlots, operationText, sourceSlots } from './canonical.ts';
import {
  type ClauseScope,
  type CompiledField,
  compileCondition,
  compileOperation,
  compileSource,
} from './clauses.ts';

/** The clauses of one `from` or `to` entry: all are needed. */
export type Entry = readonly Clause[];

/** Whose rule it is, as far as compiling it goes. */
export interface DraftOwner {
  readonly action: PolicyAction;
  readonly ref: PolicyRef;
}

/**
 * Compiled operations of one compilation, by leaning and content: the same methods and paths stand in rule after rule,
 * and one object for all of them is what keeps many rules small.
 */
export type SharedOperations = Map<string, Entry>;

/** No more are kept than this: beyond it they are not the same ones any more. */
const maxShared = 20_000;

export interface RuleScope extends ClauseScope {
  readonly shared: SharedOperations;
}

/** Lists grown by `push` keep room for more; there are millions of these. */
function exactly<T>(list: readonly T[]): readonly T[] {
  return list.slice();
}

type Slot = Pick<Clause, 'name' | 'negated'>;

/** Collects what a rule's clauses say about the rule as a whole. */
export class RuleDraft {
  readonly #policy: DraftOwner;
  readonly #index: number;
  readonly #scope: RuleScope;
  needsHttp = false;
  dropped: string | undefined = undefined;

  constructor(policy: DraftOwner, index: number, scope: RuleScope) {
    this.#policy = policy;
    this.#index = index;
    this.#scope = scope;
  }

  source(spec: RuleSpec['from'][number]): Entry {
    const clauses: Clause[] = [];
    for (const slot of sourceSlots) {
      const wanted = spec[slot.key];
      if (wanted.length > 0) this.#add(clauses, slot, wanted, compileSource(slot.base, wanted, this.#scope));
    }
    return exactly(clauses);
  }

  operation(spec: RuleSpec['to'][number]): Entry {
    const { shared, leaning } = this.#scope;
    const isAllow = this.#policy.action === 'ALLOW' ? '+' : '-';
    const key = leaning + isAllow + operationText(spec);
    const known = shared.get(key);
    if (known !== undefined) {
      this.needsHttp ||= known.some(({ field }) => field.isHttp);
      return known;
    }
    const clauses: Clause[] = [];
    for (const slot of operationSlots) {
      const wanted = spec[slot.key];
      if (wanted.length > 0)
        this.#add(clauses, slot, wanted, compileOperation(slot.base, wanted, this.#scope));
    }
    const entry = exactly(clauses);
    // What is malformed has its say in each rule it stands in.
    if (
      shared.size < maxShared &&
      !clauses.some(({ note }) => note !== undefined) &&
      this.dropped === undefined
    )
      shared.set(key, entry);
    return entry;
  }

  conditions(specs: readonly ConditionSpec[]): readonly Clause[] {
    const clauses: Clause[] = [];
    for (const spec of specs) {
      for (const side of ['values', 'notValues'] as const) {
        const wanted = spec[side];
        if (wanted.length === 0) continue;
        const compiled = compileCondition(spec, wanted, this.#scope);
        const name = `when[${spec.key}].${side}`;
        if (compiled === 'unknown') this.#drop(`unknown key \`${spec.key}\``);
        else this.#add(clauses, { name, negated: side === 'notValues' }, wanted, compiled);
      }
    }
    return exactly(clauses);
  }

  #add(clauses: Clause[], slot: Slot, wanted: readonly string[], { field, bad }: CompiledField): void {
    if (bad.length > 0) this.#refuse(slot.name, bad);
    if (field === undefined) return;
    this.needsHttp ||= field.isHttp;
    clauses.push({
      name: slot.name,
      wanted,
      negated: slot.negated,
      field,
      leaning: this.#scope.leaning,
      note: bad.length === 0 ? undefined : `left out as malformed: ${bad.join(', ')}`,
    });
  }

  /** A malformed value: an ALLOW rule goes as a whole, so it lets in less; elsewhere the value goes, so it hits more. */
  #refuse(name: string, bad: readonly string[]): void {
    const sentence = `malformed value \`${bad.join('`, `')}\` in ${name}`;
    if (this.#scope.leaning !== 'istio') this.#fail(sentence);
    if (this.#policy.action === 'ALLOW') this.dropped ??= sentence;
  }

  #drop(sentence: string): void {
    if (this.#scope.leaning !== 'istio') this.#fail(sentence);
    this.dropped ??= sentence;
  }

  #fail(sentence: string): never {
    const { namespace, name } = this.#policy.ref;
    throw policyErrors.POLICY_NOT_COMPILABLE({
      message: `AuthorizationPolicy ${namespace}/${name}, rule ${this.#index}: ${sentence}`,
      details: { namespace, name, rule: this.#index },
    });
  }
}
