import type { PolicyRef } from '../decision.ts';
import { policyErrors } from '../errors.ts';
import type { Clause, Leaning } from '../match/clause.ts';
import type { AuthorizationPolicy, ConditionSpec, PolicyAction, RuleSpec } from '../source.ts';
import { entryText, operationSlots, sourceSlots } from './canonical.ts';
import {
  type ClauseScope,
  type CompiledField,
  compileCondition,
  compileOperation,
  compileSource,
} from './clauses.ts';
import type { Settings } from './settings.ts';
import { type KeyedAttachment, keyedAttachments } from './target.ts';

/** The clauses of one `from` or `to` entry: all are needed. */
export type Entry = readonly Clause[];

/** One rule: an entry of `from`, an entry of `to` (where there are any) and all of `when`. */
export interface CompiledRule {
  readonly policy: CompiledPolicy;
  readonly index: number;
  readonly from: readonly Entry[];
  readonly to: readonly Entry[];
  readonly when: readonly Clause[];
  /** Some clause needs HTTP. */
  readonly needsHttp: boolean;
  /** Why the rule can never match, e.g. a malformed value in an ALLOW rule. */
  readonly dropped: string | undefined;
}

export interface CompiledPolicy {
  readonly resource: AuthorizationPolicy;
  readonly hash: string;
  readonly ref: PolicyRef;
  /** A rule's id is this, its index and `]`. */
  readonly idPrefix: string;
  readonly action: PolicyAction;
  readonly dryRun: boolean;
  readonly provider: string | undefined;
  readonly rules: readonly CompiledRule[];
  /** What it is attached to, with the key of each. */
  readonly attachments: readonly KeyedAttachment[];
}

export function ruleId(rule: Pick<CompiledRule, 'policy' | 'index'>): string {
  return `${rule.policy.idPrefix}${rule.index}]`;
}

/**
 * Compiled operations of one compilation, by leaning and content: the same methods and paths stand in rule after rule,
 * and one object for all of them is what keeps many rules small.
 */
export type SharedOperations = Map<string, Entry>;

/** No more are kept than this: beyond it they are not the same ones any more. */
const maxShared = 20_000;

/** Strict mode refuses what Istio would leave out in silence; then this throws POLICY_NOT_COMPILABLE. */
export function compileAuthorization(
  resource: AuthorizationPolicy,
  hash: string,
  settings: Settings,
  shared: SharedOperations = new Map(),
): CompiledPolicy {
  const { metadata, spec } = resource;
  const rules: CompiledRule[] = [];
  const provider = spec.action === 'CUSTOM' ? (spec.provider ?? '') : undefined;
  const prefix = provider === undefined ? '' : `istio-ext-authz-${provider === '' ? '' : `${provider}-`}`;
  const policy: CompiledPolicy = {
    resource,
    hash,
    ref: Object.freeze({ kind: 'AuthorizationPolicy', namespace: metadata.namespace, name: metadata.name }),
    idPrefix: `${prefix}ns[${metadata.namespace}]-policy[${metadata.name}]-rule[`,
    action: spec.action,
    dryRun: readGoBool(metadata.annotations?.get('istio.io/dry-run')),
    provider,
    rules,
    attachments: keyedAttachments(metadata.namespace, spec),
  };
  const scope: RuleScope = {
    namespace: metadata.namespace,
    trustDomains: settings.trustDomains,
    leaning: leaningOf(spec.action, settings),
    shared,
  };
  for (const [index, rule] of spec.rules.entries()) rules.push(compileRule(policy, index, rule, scope));
  return policy;
}

/** Go's `strconv.ParseBool`; what it cannot read is enforced (policy.md §3.11). */
function readGoBool(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}

function leaningOf(action: PolicyAction, settings: Settings): Leaning {
  if (!settings.strict) return 'istio';
  return action === 'ALLOW' ? 'strict-allow' : 'strict-other';
}

const noEntries: readonly Entry[] = [];
const noClauses: readonly Clause[] = [];

interface RuleScope extends ClauseScope {
  readonly shared: SharedOperations;
}

function compileRule(policy: CompiledPolicy, index: number, spec: RuleSpec, scope: RuleScope): CompiledRule {
  const draft = new RuleDraft(policy, index, scope);
  const from = spec.from.length === 0 ? noEntries : spec.from.map((source) => draft.source(source));
  const to = spec.to.length === 0 ? noEntries : spec.to.map((operation) => draft.operation(operation));
  const when = spec.when.length === 0 ? noClauses : draft.conditions(spec.when);
  return { policy, index, from, to, when, needsHttp: draft.needsHttp, dropped: draft.dropped };
}

/** Lists grown by `push` keep room for more; there are millions of these. */
function exactly<T>(list: readonly T[]): readonly T[] {
  return list.slice();
}

type Slot = Pick<Clause, 'name' | 'negated'>;

/** Collects what a rule's clauses say about the rule as a whole. */
class RuleDraft {
  readonly #policy: CompiledPolicy;
  readonly #index: number;
  readonly #scope: RuleScope;
  needsHttp = false;
  dropped: string | undefined = undefined;

  constructor(policy: CompiledPolicy, index: number, scope: RuleScope) {
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
    const key = leaning + isAllow + entryText(operationSlots, spec);
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
