import type { CompiledRule, Entry } from '../compile/authorization.ts';
import type { RuleSet } from '../compile/rule-set.ts';
import type { Clause } from '../match/clause.ts';
import type { CustomLayer } from '../view.ts';
import { always, type Diagram, type NodeId, never } from './diagram.ts';
import {
  connection,
  customSets,
  factCount,
  preflight,
  type Side,
  token,
  type VariableName,
  variableOf,
} from './sides.ts';
import type { Variable } from './variables.ts';

/** Builds, for one side, the function of a request's classes that says whether it is allowed (policy.md §0). */
export class OutcomeBuilder {
  readonly #diagram: Diagram;
  readonly #side: Side;
  /** Which of a signature's sides this is. */
  readonly #at: number;
  readonly #variables: ReadonlyMap<VariableName, { readonly index: number; readonly variable: Variable }>;
  readonly #positions = new Map<Clause, number>();

  constructor(diagram: Diagram, side: Side, at: number, variables: readonly Variable[]) {
    this.#diagram = diagram;
    this.#side = side;
    this.#at = at;
    this.#variables = new Map(variables.map((variable, index) => [variable.name, { index, variable }]));
    for (const clauses of side.clauses.values())
      for (const [position, clause] of clauses.entries()) this.#positions.set(clause, position + factCount);
  }

  allowed(): NodeId {
    const { and, or, not } = this.#operators();
    const isHttp = this.#fact(connection, 1, 'http');
    const http = and(this.#wellFormed(), and(this.#customPasses(true), this.#behindTokens()));
    const plain = and(this.#customPasses(false), this.#authorized(false));
    return and(this.#fact(connection, 0, true), or(and(isHttp, http), and(not(isHttp), plain)));
  }

  /** Tokens are looked at unless this is a CORS preflight; then the rules see none. */
  #behindTokens(): NodeId {
    const { and, or, not } = this.#operators();
    const authorized = this.#authorized(true);
    if (!this.#variables.has(token)) return authorized;
    const checked = and(this.#fact(token, 0, true), authorized);
    if (!this.#variables.has(preflight) || this.#side.view.tokenRules.length === 0) return checked;
    const isPreflight = and(this.#fact('method', 1, true), this.#fact(preflight, 0, true));
    return or(and(isPreflight, this.#withoutToken(authorized)), and(not(isPreflight), checked));
  }

  /** The first example of the token variable is: none. */
  #withoutToken(node: NodeId): NodeId {
    const entry = this.#variables.get(token);
    return entry === undefined ? node : this.#diagram.restrict(node, entry.index, 0);
  }

  #authorized(isHttp: boolean): NodeId {
    const { and, not } = this.#operators();
    const { deny, allow } = this.#side.view;
    const denied = this.#anyRule(deny, isHttp);
    if (allow.length === 0) return this.#side.snapshot.settings.strict ? never : not(denied);
    return and(not(denied), this.#anyRule(allow, isHttp));
  }

  #customPasses(isHttp: boolean): NodeId {
    return this.#diagram.all(this.#side.view.custom.map((layer) => this.#layerPasses(layer, isHttp)));
  }

  #layerPasses(layer: CustomLayer, isHttp: boolean): NodeId {
    const { and, or, not } = this.#operators();
    const isStrict = this.#side.snapshot.settings.strict;
    const sets = isStrict ? customSets(layer) : layer.sets;
    const match = this.#withoutToken(this.#anyRule(sets, isHttp));
    if (layer.provider === undefined) return not(match);
    if (layer.provider.protocol === 'http' && !isHttp) return always;
    const dry = isStrict ? never : this.#withoutToken(this.#anyRule(layer.drySets, isHttp));
    const answer = layer.isSelf ? always : this.#fact(`custom ${layer.name}`, 0, true);
    return and(not(dry), or(not(match), answer));
  }

  #wellFormed(): NodeId {
    return this.#diagram.all(['method', 'path', 'authority'].map((name) => this.#fact(name, 0, true)));
  }

  #anyRule(sets: readonly RuleSet[], isHttp: boolean): NodeId {
    const rules = sets.flatMap(({ policies }) => policies.flatMap((policy) => policy.rules));
    return this.#diagram.any(rules.map((rule) => this.#rule(rule, isHttp)));
  }

  #rule(rule: CompiledRule, isHttp: boolean): NodeId {
    const isPlain = !isHttp && rule.needsHttp;
    if (rule.dropped !== undefined || (isPlain && rule.policy.action === 'ALLOW')) return never;
    const some = (entries: readonly Entry[]) =>
      entries.length === 0 ? always : this.#diagram.any(entries.map((entry) => this.#entry(entry, isPlain)));
    return this.#diagram.all([some(rule.from), some(rule.to), this.#entry(rule.when, isPlain)]);
  }

  #entry(clauses: Entry, isPlain: boolean): NodeId {
    return this.#diagram.all(
      clauses.map((clause) => (isPlain && clause.field.isHttp ? always : this.#clause(clause))),
    );
  }

  #clause(clause: Clause): NodeId {
    return this.#fact(variableOf(clause), this.#positions.get(clause) ?? 0, true);
  }

  /** Where an entry of the variable's signature on this side has a value. A variable that is not there never matters. */
  #fact(name: VariableName, position: number, wanted: boolean | string): NodeId {
    const entry = this.#variables.get(name);
    if (entry === undefined) return always;
    const truth = entry.variable.signatures.map((signature) => signature[this.#at]?.[position] === wanted);
    return this.#diagram.literal(entry.index, truth);
  }

  #operators() {
    const diagram = this.#diagram;
    return {
      and: (a: NodeId, b: NodeId) => diagram.and(a, b),
      or: (a: NodeId, b: NodeId) => diagram.or(a, b),
      not: (a: NodeId) => diagram.not(a),
    };
  }
}
