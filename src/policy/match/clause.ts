import type { MatchContext } from './context.ts';

/**
 * What a field says about a request before `not` and mode are applied. `some`: only a part of several values matches,
 * which only a repeated header can (Z12).
 */
export const absent = 0;
export const none = 1;
export const some = 2;
export const all = 3;
export type Probe = typeof absent | typeof none | typeof some | typeof all;

/** One field's values, compiled: knows how to look at a request. A clause adds sign and mode. */
export interface Field {
  /** The input this reads, as in `Decision.inputs`. */
  readonly input: string;
  /** Needs HTTP: on a plain connection an ALLOW rule with it is dropped, and elsewhere the clause is. */
  readonly isHttp: boolean;
  /** An identity: in strict mode a `not` over an absent one does not allow. */
  readonly isIdentity: boolean;
  probe(context: MatchContext): Probe;
  /** What the request has, for explanations. */
  read(context: MatchContext): readonly string[];
  /** Where a rule index may file this field's values; undefined when it cannot. */
  readonly dimension: Dimension | undefined;
  /** The keys to file them under, in that dimension. */
  keys(): readonly IndexKey[];
}

export type Dimension =
  | 'principal'
  | 'namespace'
  | 'account'
  | 'request-principal'
  | 'source-ip'
  | 'remote-ip'
  | 'host'
  | 'port'
  | 'method'
  | 'path'
  | 'sni';

/** A request can match the field only when its value in the dimension is, begins with, ends with or lies in a key. */
export interface IndexKey {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'range';
  readonly text: string;
}

/** How a clause becomes true. Istio's way, or strict for rules that let in (ALLOW) and for all others. */
export type Leaning = 'istio' | 'strict-allow' | 'strict-other';

export interface Clause {
  /** As written: `source.notPrincipals`, `when[request.headers[x]].values`. */
  readonly name: string;
  readonly wanted: readonly string[];
  readonly negated: boolean;
  readonly field: Field;
  readonly leaning: Leaning;
  /** Values that were left out because they are malformed (rules other than ALLOW). */
  readonly note: string | undefined;
}

export function clauseHolds(clause: Clause, context: MatchContext): boolean {
  const probe = clause.field.probe(context);
  if (clause.leaning === 'istio') return clause.negated ? probe < some : probe >= some;
  if (clause.leaning === 'strict-allow') {
    if (!clause.negated) return probe === all;
    return probe === none || (probe === absent && !clause.field.isIdentity);
  }
  return clause.negated ? probe !== all : probe >= some;
}

export function exactKeys(values: readonly string[]): readonly IndexKey[] {
  return values.map((text) => ({ kind: 'exact', text }));
}

export const noKeys: readonly IndexKey[] = Object.freeze([]);
