import { type Cidr, type IpAddress, parseIpBlock } from '../../base/ip.ts';
import type { Dimension, Field, IndexKey } from '../match/clause.ts';
import { type MatchContext, ownField } from '../match/context.ts';
import { IpTree } from '../match/ip-tree.ts';
import { ruleMatches } from '../match/rule.ts';
import { TextTrie } from '../match/text-trie.ts';
import type { CompiledRule, Entry } from './authorization.ts';
import type { Budget, Steps } from './budget.ts';

/** Positions in the rules' order, ascending; most keys have one only, and millions of lists of one are large. */
type Positions = number[];
type Found = number | Positions;

/** Below this, looking at every rule is cheaper than looking anything up. */
const fewRules = 6;
/** From how many rules it is judged which dimension tells them apart best: one in sixteen, within bounds. */
const sampleSize = (rules: number) => Math.min(64, Math.max(8, rules >> 4));

/**
 * Finds the first of many rules that matches, looking only at rules that could: each rule is filed under its values
 * in the one dimension that tells the rules apart best, and a request looks up its own value in each dimension.
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
    const order = rules.length > fewRules ? rankDimensions(rules, withHttp) : [];
    for (let position = 0; position < rules.length; position++) {
      const rule = rules[position] as CompiledRule;
      if (rule.dropped === undefined && !index.#file(rule, position, order)) index.#always.push(position);
      if (budget.spend(1)) yield undefined;
    }
    return index;
  }

  firstMatch(context: MatchContext): CompiledRule | undefined {
    let best = this.#scan(this.#always, context, this.rules.length);
    for (const shelf of this.#shelves) {
      const found = shelf.find(context);
      for (const positions of found)
        best =
          typeof positions === 'number'
            ? this.#try(positions, context, best)
            : this.#scan(positions, context, best);
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

  #try(position: number, context: MatchContext, best: number): number {
    return position < best && ruleMatches(this.rules[position] as CompiledRule, context) ? position : best;
  }

  /** Under the first dimension in which every way to match the rule has keys; false when there is none. */
  #file(rule: CompiledRule, position: number, order: readonly Dimension[]): boolean {
    for (const dimension of order) {
      const texts = rule.exactTexts(dimension);
      if (texts !== undefined) {
        const shelf = this.#shelf(dimension);
        for (const text of texts) shelf.fileExact(text, position);
        return true;
      }
      const fields = fieldsIn(rule, dimension);
      if (fields === undefined) continue;
      const shelf = this.#shelf(dimension);
      for (const field of fields) for (const key of field.keys()) shelf.file(key, position);
      return true;
    }
    return false;
  }

  #shelf(dimension: Dimension): Shelf {
    let shelf = this.#shelves.find((candidate) => candidate.dimension === dimension);
    if (shelf === undefined) {
      shelf = new Shelf(dimension);
      this.#shelves.push(shelf);
    }
    return shelf;
  }
}

/** All rules that are filed in one dimension. */
class Shelf {
  readonly dimension: Dimension;
  readonly #exact = new Map<string, Found>();
  #prefixes: TextTrie<Positions> | undefined;
  #suffixes: TextTrie<Positions> | undefined;
  #ranges: IpTree<Positions> | undefined;

  constructor(dimension: Dimension) {
    this.dimension = dimension;
  }

  /** A new list is written with its first position: a list grown by `push` is large. */
  file({ kind, text }: IndexKey, position: number): void {
    if (kind === 'exact') {
      this.fileExact(text, position);
      return;
    }
    const fresh = () => [position];
    const positions = this.#positionsAt(kind, text, fresh);
    if (positions.at(-1) !== position) positions.push(position);
  }

  fileExact(text: string, position: number): void {
    const known = this.#exact.get(text);
    if (known === undefined) this.#exact.set(text, position);
    else if (typeof known === 'number') {
      if (known !== position) this.#exact.set(text, [known, position]);
    } else if (known.at(-1) !== position) known.push(position);
  }

  #positionsAt(kind: Exclude<IndexKey['kind'], 'exact'>, text: string, fresh: () => Positions): Positions {
    switch (kind) {
      case 'prefix':
        this.#prefixes ??= new TextTrie('forward');
        return this.#prefixes.at(text, fresh);
      case 'suffix':
        this.#suffixes ??= new TextTrie('backward');
        return this.#suffixes.at(text, fresh);
      case 'range':
        this.#ranges ??= new IpTree();
        return this.#ranges.at(parseIpBlock(text) as Cidr, fresh);
    }
  }

  /** The positions of every rule whose key the request has. */
  find(context: MatchContext): readonly Found[] {
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

  #findIp(ip: IpAddress | undefined): readonly Found[] {
    if (ip === undefined || this.#ranges === undefined) return nowhere;
    const found: Positions[] = [];
    this.#ranges.collect(ip, found);
    return found;
  }

  #findAll(texts: readonly string[]): readonly Found[] {
    if (texts.length === 1) return this.#findText(texts[0]);
    return texts.flatMap((text) => this.#findText(text));
  }

  #findText(text: string | undefined): readonly Found[] {
    if (text === undefined) return nowhere;
    const exact = this.#exact.get(text);
    if (this.#prefixes === undefined && this.#suffixes === undefined)
      return exact === undefined ? nowhere : [exact];
    const found: Positions[] = [];
    this.#prefixes?.collect(text, found);
    this.#suffixes?.collect(text, found);
    return exact === undefined ? found : [exact, ...found];
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

const httpDimensions: ReadonlySet<Dimension> = new Set(['host', 'method', 'path', 'request-principal']);

/** How many of the sampled rules a request with some key of the dimension would have to look at. */
interface Tally {
  rules: number;
  readonly counts: Map<string, number>;
}

/** Best first: the fewer rules share a key, the better. */
function rankDimensions(rules: readonly CompiledRule[], withHttp: boolean): readonly Dimension[] {
  const tallies = new Map<Dimension, Tally>();
  const stride = Math.max(1, Math.floor(rules.length / sampleSize(rules.length)));
  for (let i = 0; i < rules.length; i += stride) tallyRule(rules[i] as CompiledRule, tallies, withHttp);
  return [...tallies].sort(([, a], [, b]) => cost(a) - cost(b)).map(([dimension]) => dimension);
}

function tallyRule(rule: CompiledRule, tallies: Map<Dimension, Tally>, withHttp: boolean): void {
  const dimensions = new Set<Dimension>();
  const { from, to, when } = rule.peek();
  for (const { negated, field } of [...(from[0] ?? []), ...(to[0] ?? []), ...when])
    if (!negated && field.dimension !== undefined) dimensions.add(field.dimension);
  for (const dimension of dimensions) {
    const fields = withHttp || !httpDimensions.has(dimension) ? fieldsIn(rule, dimension) : undefined;
    if (fields === undefined) continue;
    const tally = tallies.get(dimension) ?? { rules: 0, counts: new Map<string, number>() };
    tallies.set(dimension, tally);
    tally.rules += 1;
    for (const field of fields)
      for (const { kind, text } of field.keys())
        tally.counts.set(text, (tally.counts.get(text) ?? 0) + (kind === 'exact' ? 1 : wideKeyCost));
  }
}

/** An affix or a range admits more requests than one exact value does. */
const wideKeyCost = 1.5;

/** The mean size of a key's list, worse for a dimension that only some rules have. */
function cost({ rules, counts }: Tally): number {
  let squares = 0;
  let sum = 0;
  for (const count of counts.values()) {
    squares += count * count;
    sum += count;
  }
  return sum === 0 ? 0 : squares / sum / Math.sqrt(rules);
}

/** The fields that speak of a dimension, one for every way to match the rule; undefined when some way says nothing. */
function fieldsIn(rule: CompiledRule, dimension: Dimension): readonly Field[] | undefined {
  if (!rule.isOpen) return rule.closedFields(dimension);
  return (
    entryFields(rule.from, dimension) ?? entryFields(rule.to, dimension) ?? clauseField(rule.when, dimension)
  );
}

/** Entries are alternatives: each must have one. */
function entryFields(entries: readonly Entry[], dimension: Dimension): readonly Field[] | undefined {
  const [only] = entries;
  if (only === undefined) return undefined;
  if (entries.length === 1) return clauseField(only, dimension);
  const fields: Field[] = [];
  for (const entry of entries) {
    const found = clauseField(entry, dimension);
    if (found === undefined) return undefined;
    fields.push(...found);
  }
  return fields;
}

function clauseField(clauses: Entry, dimension: Dimension): readonly Field[] | undefined {
  for (const { negated, field } of clauses) if (!negated && field.dimension === dimension) return [field];
  return undefined;
}
