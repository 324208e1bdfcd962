import type { CompiledRule, Entry } from '../compile/authorization.ts';
import { EvaluationState } from '../evaluate/state.ts';
import { type Clause, clauseHolds } from '../match/clause.ts';
import type { MatchContext } from '../match/context.ts';
import { readTextPattern } from '../match/text-patterns.ts';
import { targetOf } from '../query/examples.ts';
import type { AuthzRequest } from '../request.ts';
import type { WorkloadView } from '../view.ts';
import { connection, enforcedRules, type Side, variableOf } from './sides.ts';

/**
 * When nothing but rules differs, a request that matches none of the rules that differ is decided alike. So only
 * connections that some such rule could match have to be told apart: all others are one class.
 */
export interface ChangedRules {
  /** Whether some rule that differs could match, as far as the connection goes. */
  readonly concerns: (request: AuthzRequest) => boolean;
  /** Set when every such rule names its callers one by one: then no other identity matters. */
  readonly callers: readonly Clause[] | undefined;
}

/** Undefined when more than rules differs. */
export function changedRules([before, after]: readonly Side[]): ChangedRules | undefined {
  if (before === undefined || after === undefined || !differsInRulesOnly(before, after)) return undefined;
  const rules = [unmatched(before, after), unmatched(after, before)] as const;
  const concerns = (request: AuthzRequest) =>
    [before, after].some((side, at) => {
      const { context } = new EvaluationState(side.snapshot, request);
      return (rules[at] ?? []).some((rule) => couldMatch(rule, context));
    });
  return { concerns, callers: callersOf(rules.flat()) };
}

function differsInRulesOnly(before: Side, after: Side): boolean {
  const { view: was, snapshot } = before;
  const { view: is } = after;
  return (
    snapshot.internals.settingsText === after.snapshot.internals.settingsText &&
    was.allow.length > 0 === is.allow.length > 0 &&
    standing(was) === standing(is)
  );
}

/** All that decides beside rules. */
function standing({ mtls, tokenRules, custom }: WorkloadView): string {
  const tokens = tokenRules.map(({ ref }) => [ref.id, ref.spec]);
  return JSON.stringify([mtls.mode, [...mtls.ports], tokens, custom.map(({ name }) => name)]);
}

/** The rules of policies that the other side does not have. */
function unmatched(side: Side, other: Side): readonly CompiledRule[] {
  const known = new Set(enforcedRules(other.view).map(({ policy }) => policy.idPrefix + policy.hash));
  return enforcedRules(side.view).filter(({ policy }) => !known.has(policy.idPrefix + policy.hash));
}

function couldMatch({ from, to, when }: CompiledRule, context: MatchContext): boolean {
  const couldHold = (clauses: Entry) =>
    clauses.every((clause) => variableOf(clause) !== connection || clauseHolds(clause, context));
  const some = (entries: readonly Entry[]) => entries.length === 0 || entries.some(couldHold);
  return some(from) && some(to) && couldHold(when);
}

function callersOf(rules: readonly CompiledRule[]): readonly Clause[] | undefined {
  const callers: Clause[] = [];
  for (const { from } of rules) {
    if (from.length === 0) return undefined;
    for (const entry of from) {
      const clause = entry.find(namesCallers);
      if (clause === undefined) return undefined;
      callers.push(clause);
    }
  }
  return callers;
}

function namesCallers({ name, negated, wanted }: Clause): boolean {
  const target = targetOf(name);
  if (negated || target?.kind !== 'peer' || target.as !== 'principal') return false;
  return wanted.every((value) => readTextPattern(value).kind === 'exact');
}
