import { type CompiledRule, ruleId } from '../compile/authorization.ts';
import type { RuleSet } from '../compile/rule-set.ts';
import type { MatchContext } from '../match/context.ts';

/** The matching rule whose id comes first as text, over all sets of a layer (policy.md §3.13). */
export function firstMatch(sets: readonly RuleSet[], context: MatchContext): CompiledRule | undefined {
  let best: CompiledRule | undefined;
  for (const set of sets) {
    const rule = (context.http === undefined ? set.tcp : set.http).firstMatch(context);
    if (rule !== undefined && (best === undefined || ruleId(rule) < ruleId(best))) best = rule;
  }
  return best;
}
