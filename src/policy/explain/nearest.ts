import type { CompiledRule, Entry } from '../compile/authorization.ts';
import type { Decision } from '../decision.ts';
import type { ClauseTrace, EntryTrace, NearestMiss, RuleTrace } from '../explanation.ts';
import type { MatchContext } from '../match/context.ts';
import type { WorkloadView } from '../view.ts';
import { traceRule } from './trace.ts';

/** A rule that failed, with its trace. */
export interface Miss {
  readonly rule: CompiledRule;
  readonly trace: RuleTrace;
}

/** How many rules suggestions are drawn from. */
const fewMisses = 4;

/**
 * The rules that came nearest to deciding otherwise: ALLOW rules when none matched, DENY rules when the request was
 * allowed. Fewest failed clauses first, then the most specific (house.md, experience.md §4.6).
 */
export function nearestMisses(
  decision: Decision,
  view: WorkloadView,
  context: MatchContext,
): readonly Miss[] {
  const sets = decision.outcome === 'allow' ? view.deny : decision.stage === 'allow' ? view.allow : [];
  const misses: Miss[] = [];
  for (const { policies } of sets)
    for (const { rules } of policies)
      for (const rule of rules) {
        if (rule.dropped !== undefined) continue;
        const trace = traceRule(rule, context);
        if (!trace.matched && trace.failedClauses > 0) misses.push({ rule, trace });
      }
  return misses.sort(nearestFirst).slice(0, fewMisses);
}

function nearestFirst(a: Miss, b: Miss): number {
  return (
    a.trace.failedClauses - b.trace.failedClauses ||
    specificity(b.rule) - specificity(a.rule) ||
    (a.trace.id < b.trace.id ? -1 : 1)
  );
}

/** More clauses, fewer wildcards. */
function specificity({ from, to, when }: CompiledRule): number {
  const ofEntries = (entries: readonly Entry[]) =>
    entries.length === 0 ? 0 : Math.min(...entries.map((entry) => entry.reduce(addClause, 0)));
  return ofEntries(from) + ofEntries(to) + when.reduce(addClause, 0);
}

function addClause(sum: number, { wanted }: { readonly wanted: readonly string[] }): number {
  return sum + (wanted.some((value) => value.includes('*')) ? 1 : 2);
}

export function describeMiss({ rule, trace }: Miss): NearestMiss {
  const from = nearestEntry(trace.from);
  const to = nearestEntry(trace.to);
  return {
    id: trace.id,
    rule: { policy: rule.policy.ref, index: rule.index, from: from?.index, to: to?.index },
    action: rule.policy.action,
    failed: failedClauses(trace),
  };
}

/** What has to change for the rule to match, on the way that is nearest. */
export function failedClauses(trace: RuleTrace): readonly ClauseTrace[] {
  const clauses = [
    ...(nearestEntry(trace.from)?.clauses ?? []),
    ...(nearestEntry(trace.to)?.clauses ?? []),
    ...trace.when,
  ];
  return clauses.filter(({ matched }) => !matched);
}

export function nearestEntry(entries: readonly EntryTrace[]): EntryTrace | undefined {
  const failures = ({ clauses }: EntryTrace) => clauses.filter(({ matched }) => !matched).length;
  return entries.toSorted((a, b) => failures(a) - failures(b) || a.index - b.index)[0];
}
