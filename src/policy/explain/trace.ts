import { type CompiledPolicy, type CompiledRule, type Entry, ruleId } from '../compile/authorization.ts';
import type { ClauseTrace, EntryTrace, PolicyTrace, RuleTrace } from '../explanation.ts';
import { type Clause, clauseHolds } from '../match/clause.ts';
import type { MatchContext } from '../match/context.ts';
import { ruleMatches } from '../match/rule.ts';

/** Traces ask the very clauses that `evaluate` asks, one by one and without stopping at the first that fails. */

export function tracePolicy(policy: CompiledPolicy, context: MatchContext): PolicyTrace {
  const rules = policy.rules.map((rule) => traceRule(rule, context));
  return {
    policy: policy.ref,
    action: policy.action,
    dryRun: policy.dryRun,
    provider: policy.provider,
    matched: rules.some(({ matched }) => matched),
    rules,
    note: rules.length === 0 ? 'it has no rules, so it matches nothing' : undefined,
  };
}

export function traceRule(rule: CompiledRule, context: MatchContext): RuleTrace {
  const isPlain = context.http === undefined;
  const at: TracePoint = { context, isAllow: rule.policy.action === 'ALLOW' };
  const from = rule.from.map((entry, index) => traceEntry(entry, index, at));
  const to = rule.to.map((entry, index) => traceEntry(entry, index, at));
  const when = rule.when.map((clause) => traceClause(clause, at));
  return {
    id: ruleId(rule),
    index: rule.index,
    matched: ruleMatches(rule, context),
    from,
    to,
    when,
    failedClauses: fewestFailed(from) + fewestFailed(to) + failed(when),
    note: rule.dropped ?? (isPlain && rule.needsHttp ? plainNote(rule) : undefined),
  };
}

function plainNote(rule: CompiledRule): string {
  return rule.policy.action === 'ALLOW'
    ? 'it needs HTTP, and this is a plain connection: the rule is dropped'
    : 'this is a plain connection: the HTTP conditions are passed over';
}

function traceEntry(entry: Entry, index: number, at: TracePoint): EntryTrace {
  const clauses = entry.map((clause) => traceClause(clause, at));
  return { index, matched: clauses.every(({ matched }) => matched), clauses };
}

interface TracePoint {
  readonly context: MatchContext;
  readonly isAllow: boolean;
}

/** On a plain connection an HTTP condition fails an ALLOW rule, and is passed over in any other (policy.md §3.7). */
function traceClause(clause: Clause, { context, isAllow }: TracePoint): ClauseTrace {
  const { name, wanted, field } = clause;
  const needsHttp = field.isHttp && context.http === undefined;
  return {
    field: name,
    wanted,
    got: readSafely(clause, context),
    matched: needsHttp ? !isAllow : holdsSafely(clause, context),
    note: needsHttp ? 'needs HTTP' : clause.note,
  };
}

function readSafely(clause: Clause, context: MatchContext): readonly string[] {
  try {
    return clause.field.read(context);
  } catch {
    return [];
  }
}

/** As in `ruleMatches`: an error counts against the request. */
function holdsSafely(clause: Clause, context: MatchContext): boolean {
  try {
    return clauseHolds(clause, context);
  } catch {
    return clause.leaning !== 'strict-allow';
  }
}

function fewestFailed(entries: readonly EntryTrace[]): number {
  return entries.length === 0 ? 0 : Math.min(...entries.map(({ clauses }) => failed(clauses)));
}

function failed(clauses: readonly ClauseTrace[]): number {
  return clauses.filter(({ matched }) => !matched).length;
}
