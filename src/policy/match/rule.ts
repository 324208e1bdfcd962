import type { CompiledRule, Entry } from '../compile/authorization.ts';
import { type Clause, clauseHolds } from './clause.ts';
import type { MatchContext } from './context.ts';

/**
 * True when a rule matches. On a plain connection (policy.md §3.7) an ALLOW rule that needs HTTP never does, and in any
 * other rule the HTTP conditions are passed over. An error while looking counts against the request: as a match of a
 * DENY, AUDIT or CUSTOM rule, as no match of an ALLOW rule.
 */
export function ruleMatches(rule: CompiledRule, context: MatchContext): boolean {
  if (rule.dropped !== undefined) return false;
  const isPlain = context.http === undefined && rule.needsHttp;
  if (isPlain && rule.policy.action === 'ALLOW') return false;
  try {
    return (
      someEntry(rule.from, context, isPlain) &&
      someEntry(rule.to, context, isPlain) &&
      everyClause(rule.when, context, isPlain)
    );
  } catch {
    return rule.policy.action !== 'ALLOW';
  }
}

function someEntry(entries: readonly Entry[], context: MatchContext, isPlain: boolean): boolean {
  if (entries.length === 0) return true;
  for (const entry of entries) if (everyClause(entry, context, isPlain)) return true;
  return false;
}

export function everyClause(clauses: readonly Clause[], context: MatchContext, isPlain: boolean): boolean {
  for (const clause of clauses) {
    if (isPlain && clause.field.isHttp) continue;
    if (!clauseHolds(clause, context)) return false;
  }
  return true;
}

/** The first entry that matches; undefined when there are none, or none does. */
export function matchingEntry(entries: readonly Entry[], context: MatchContext): number | undefined {
  const isPlain = context.http === undefined;
  const index = entries.findIndex((entry) => everyClause(entry, context, isPlain));
  return index === -1 ? undefined : index;
}
