import { type Cidr, type IpAddress, parseIpBlock } from '../../base/ip.ts';
import type { Clause, Dimension, FieldKeys, IndexKey } from '../match/clause.ts';
import { type MatchContext, ownField } from '../match/context.ts';
import { IpTree } from '../match/ip-tree.ts';
import { ruleMatches } from '../match/rule.ts';
import { TextTrie } from '../match/text-trie.ts';
import type { CompiledRule, Entry } from './authorization.ts';
import type { Budget, Steps } from './budget.ts';

/** Positions in the rules' order, ascending. */
type Positions = number[];
const newPositions = (): Positions => [];

/** Below this, looking at every rule is cheaper than looking anything up. */
const fewRules = 6;
/** From how many rules the frequency of keys is estimated. */
const sampleSize = 64;

/**
 * Finds the first of many rules that matches, looking only at rules that could: each rule is filed under the values of
 * the one dimension in which it is rarest, and a request looks up its own value in each dimension.
 */
export class RuleIndex {
  /** In lexical order of ids, so the first match is the one that is reported (policy.md §3.13). */
  readonly rules: readonly CompiledRule[];
  readonly #always: Positions = [];
  readonly #shelves: Shelf[] = [];

  private constructor(rules: readonly CompiledRule[]) {
    this.rules = rules;
  }

  /** `withHttp`: HTTP fields can be looked up; else rules are filed under what a plain connection has. */
  static *build(rules: readonly CompiledRule[], withHttp: boolean, budget: Budget): Steps<RuleIndex> {
    const index = new RuleIndex(rules);
    const frequencies = rules.length > fewRules ? sampleFrequencies(rules, withHttp) : undefined;
    for (let position = 0; position < rules.length; position++) {
      const rule = rules[position] as CompiledRule;
      const keys = frequencies && chooseKeys(rule, withHttp, frequencies);
      if (keys === undefined) index.#always.push(position);
      else index.#file(keys, position);
      if (budget.spend(1)) yield undefined;
    }
    return index;
  }

  firstMatch(context: MatchContext): CompiledRule | undefined {
    let best = this.#scan(this.#always, context, this.rules.length);
    for (const shelf of this.#shelves) {
      const found = shelf.find(context);
      for (const positions of found) best = this.#scan(positions, context, best);
    }
    return this.rules[best];
  }

  #scan(positions: Positions, context: MatchContext, best: number): number {
    for (const position of positions) {
      if (position >= best) return best;
      if (ruleMatches(this.rules[position] as CompiledRule, context)) return position;
    }
    return best;
  }

  #file({ dimension, keys }: FieldKeys, position: number): void {
    let shelf = this.#shelves.find((candidate) => candidate.dimension === dimension);
    if (shelf === undefined) {
      shelf = new Shelf(dimension);
      this.#shelves.push(shelf);
    }
    for (const key of keys) shelf.file(key, position);
  }
}

/** All rules that are filed in one dimension. */
class Shelf {
  readonly dimension: Dimension;
  readonly #exact = new Map<string, Positions>();
  #prefixes: TextTrie<Positions> | undefined;
  #suffixes: TextTrie<Positions> | undefined;
  #ranges: IpTree<Positions> | undefined;

  constructor(dimension: Dimension) {
    this.dimension = dimension;
  }

  file({ kind, text }: IndexKey, position: number): void {
    const positions = this.#positionsAt(kind, text);
    if (positions.at(-1) !== position) positions.push(position);
  }

  #positionsAt(kind: IndexKey['kind'], text: string): Positions {
    switch (kind) {
      case 'exact': {
        let positions = this.#exact.get(text);
        if (positions === undefined) {
          positions = [];
          this.#exact.set(text, positions);
        }
        return positions;
      }
      case 'prefix':
        this.#prefixes ??= new TextTrie('forward');
        return this.#prefixes.at(text, newPositions);
      case 'suffix':
        this.#suffixes ??= new TextTrie('backward');
        return this.#suffixes.at(text, newPositions);
      case 'range':
        this.#ranges ??= new IpTree();
        return this.#ranges.at(parseIpBlock(text) as Cidr, newPositions);
    }
  }

  /** The positions of every rule whose key the request has. */
  find(context: MatchContext): readonly Positions[] {
    switch (this.dimension) {
      case 'source-ip':
        return this.#findIp(context.sourceIp);
      case 'remote-ip':
        return this.#findIp(context.remoteIp);
      case 'namespace':
        return this.#findAll(context.peer?.namespaces ?? []);
      case 'account':
        return this.#findAll(context.peer?.accounts ?? []);
      default:
        return this.#findText(textOf(this.dimension, context));
    }
  }

  #findIp(ip: IpAddress | undefined): readonly Positions[] {
    if (ip === undefined || this.#ranges === undefined) return nowhere;
    const found: Positions[] = [];
    this.#ranges.collect(ip, found);
    return found;
  }

  #findAll(texts: readonly string[]): readonly Positions[] {
    if (texts.length === 1) return this.#findText(texts[0]);
    return texts.flatMap((text) => this.#findText(text));
  }

  #findText(text: string | undefined): readonly Positions[] {
    if (text === undefined) return nowhere;
    const exact = this.#exact.get(text);
    if (this.#prefixes === undefined && this.#suffixes === undefined)
      return exact === undefined ? nowhere : [exact];
    const found: Positions[] = exact === undefined ? [] : [exact];
    this.#prefixes?.collect(text, found);
    this.#suffixes?.collect(text, found);
    return found;
  }
}

const nowhere: readonly Positions[] = [];

function textOf(dimension: Dimension, context: MatchContext): string | undefined {
  switch (dimension) {
    case 'principal':
      return context.peer?.principal;
    case 'host':
      return context.host;
    case 'port':
      return String(context.port);
    case 'method':
      return context.http?.method;
    case 'path':
      return context.http === undefined ? undefined : context.path;
    case 'sni':
      return context.sni === '' ? undefined : context.sni;
    case 'request-principal':
      return requestPrincipal(context);
    default:
      return undefined;
  }
}

function requestPrincipal({ token }: MatchContext): string | undefined {
  const issuer = token && ownField(token.claims, 'iss');
  const subject = token && ownField(token.claims, 'sub');
  return typeof issuer === 'string' && typeof subject === 'string' ? `${issuer}/${subject}` : undefined;
}

type Frequencies = Map<Dimension, Map<string, number>>;

function sampleFrequencies(rules: readonly CompiledRule[], withHttp: boolean): Frequencies {
  const frequencies: Frequencies = new Map();
  const stride = Math.max(1, Math.floor(rules.length / sampleSize));
  for (let i = 0; i < rules.length; i += stride)
    for (const { dimension, keys } of candidates(rules[i] as CompiledRule, withHttp)) {
      let counts = frequencies.get(dimension);
      if (counts === undefined) frequencies.set(dimension, (counts = new Map()));
      for (const { text } of keys) counts.set(text, (counts.get(text) ?? 0) + 1);
    }
  return frequencies;
}

/** An affix or a range admits more requests than one exact value does. */
const wideKeyCost = 2;

function chooseKeys(rule: CompiledRule, withHttp: boolean, frequencies: Frequencies): FieldKeys | undefined {
  let best: FieldKeys | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates(rule, withHttp)) {
    const counts = frequencies.get(candidate.dimension);
    let cost = 0;
    for (const { kind, text } of candidate.keys)
      cost += ((counts?.get(text) ?? 0) + 1) * (kind === 'exact' ? 1 : wideKeyCost);
    if (cost < bestCost) [best, bestCost] = [candidate, cost];
  }
  return best;
}

/** The dimensions in which a request must have one of a few values for the rule to match at all. */
function candidates(rule: CompiledRule, withHttp: boolean): readonly FieldKeys[] {
  if (rule.dropped !== undefined) return neverFound;
  const found = [...entryCandidates(rule.from, withHttp), ...entryCandidates(rule.to, withHttp)];
  for (const clause of rule.when) {
    const keys = clauseKeys(clause, withHttp);
    if (keys !== undefined) found.push(keys);
  }
  return found;
}

/** A rule that can never match is filed under nothing at all. */
const neverFound: readonly FieldKeys[] = [{ dimension: 'port', keys: [] }];

/** A dimension counts only when every entry, being an alternative, has it. */
function entryCandidates(entries: readonly Entry[], withHttp: boolean): readonly FieldKeys[] {
  const [first = [], ...others] = entries.map((entry) =>
    entry.map((clause) => clauseKeys(clause, withHttp)).filter((keys) => keys !== undefined),
  );
  if (others.length === 0) return first;
  return first.flatMap(({ dimension, keys }) => {
    const union = [...keys];
    for (const other of others) {
      const same = other.find((candidate) => candidate.dimension === dimension);
      if (same === undefined) return [];
      union.push(...same.keys);
    }
    return [{ dimension, keys: union }];
  });
}

function clauseKeys({ negated, field }: Clause, withHttp: boolean): FieldKeys | undefined {
  return negated || (field.isHttp && !withHttp) ? undefined : field.keys();
}
