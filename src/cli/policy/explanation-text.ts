import {
  type ClauseTrace,
  type EntryTrace,
  type Explanation,
  inOwnWords,
  isNegated,
  type PolicyTrace,
  type RuleTrace,
  type Stage,
  type StageTrace,
} from '../../policy/index.ts';
import type { VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { hang, padTo } from '../frame/wrap.ts';

const titles: Readonly<Record<Stage, string>> = {
  peer_authentication: 'peer authentication',
  normalisation: 'path',
  custom: 'CUSTOM',
  request_authentication: 'request authentication',
  deny: 'DENY',
  allow: 'ALLOW',
};
const titleWidth = Math.max(...Object.values(titles).map((title) => title.length)) + 2;

/**
 * The stages in their order, under the one that decided the rule that did it or that came nearest; with `wide` every
 * policy, rule and clause. Then what would change the outcome.
 */
export function describeStages(context: VerbContext, explanation: Explanation): readonly string[] {
  const { decision, stages } = explanation;
  const lines: string[] = [];
  const isWide = context.out.format === 'wide';
  for (const [index, stage] of stages.entries()) {
    const mark = markOf(context, stage, explanation);
    const text = printable(stage.summary) + (stage.reached ? '' : '   (not reached)');
    lines.push(hang(context.io, `  ${index + 1} ${mark} ${padTo(titles[stage.stage], titleWidth)}`, text));
    if (isWide) lines.push(...describeTokens(context, stage));
    if (isWide) for (const policy of stage.policies) lines.push(...describePolicy(context, policy));
    else if (stage.stage === decision.stage) lines.push(...describeDeciding(context, explanation));
    if (!isWide) lines.push(...shadowLines(stage));
  }
  return [...lines, ...describeSuggestions(context, explanation)];
}

function markOf({ style }: VerbContext, stage: StageTrace, { decision }: Explanation): string {
  const width = Math.max(style.ok.length, style.bad.length, style.skipped.length);
  const mark = () => {
    if (!stage.reached || isIdle(stage)) return style.skipped;
    return stage.stage === decision.stage && decision.outcome === 'deny' ? style.bad : style.ok;
  };
  // Colour codes have the same length in both marks.
  return mark().padEnd(width);
}

/** Nothing there had a say. */
function isIdle({ stage, policies, tokens }: StageTrace): boolean {
  if (stage === 'request_authentication') return tokens.length === 0;
  return (stage === 'custom' || stage === 'deny' || stage === 'allow') && policies.length === 0;
}

/** The rule that decided with what held of it; for a default deny the nearest one, each clause with its mark. */
function describeDeciding(context: VerbContext, { decision, stages, nearestMiss }: Explanation): string[] {
  const isMiss = decision.policyId === undefined && decision.outcome === 'deny';
  const id = decision.policyId ?? (isMiss ? nearestMiss?.id : undefined);
  if (id === undefined) return [];
  const rules = stages.flatMap(({ policies }) => policies.flatMap((policy) => policy.rules));
  const trace = rules.find((rule) => rule.id === id);
  if (trace === undefined) return [];
  const at = isMiss ? nearestMiss?.rule : decision.rule;
  const clauses = [...clausesAt(trace.from, at?.from), ...clausesAt(trace.to, at?.to), ...trace.when];
  const head = `      ${isMiss ? 'nearest  ' : ''}${printable(id)}`;
  return [head, ...describeClauses(context, clauses, '        ')];
}

function clausesAt(entries: readonly EntryTrace[], index: number | undefined): readonly ClauseTrace[] {
  return entries.find((entry) => entry.index === index)?.clauses ?? [];
}

function describeClauses(context: VerbContext, clauses: readonly ClauseTrace[], indent: string): string[] {
  const width = Math.max(0, ...clauses.map(({ field }) => field.length)) + 2;
  return clauses.map((clause) => {
    const mark = clause.matched ? context.style.ok : context.style.bad;
    return hang(context.io, `${indent}${mark} ${padTo(printable(clause.field), width)}`, clauseText(clause));
  });
}

function clauseText({ wanted, got: raw, matched, note, field }: ClauseTrace): string {
  const got = inOwnWords(field, raw);
  const has = got.length === 0 ? 'none' : printable(got.join(', '));
  const wish = `${isNegated(field) ? 'not ' : ''}${printable(fewOf(wanted))}`;
  const text = matched && wanted.length === 1 && wanted[0] === got[0] ? has : `wanted ${wish}   got ${has}`;
  return note === undefined ? text : `${text}   (${printable(note)})`;
}

function fewOf(values: readonly string[]): string {
  const more = values.length - 6;
  return more > 0 ? `${values.slice(0, 6).join(', ')} and ${more} more` : values.join(', ');
}

function describePolicy(context: VerbContext, trace: PolicyTrace): string[] {
  const { policy, action, dryRun, provider, matched, rules, note } = trace;
  const extra = [dryRun ? 'dry run' : '', provider === undefined ? '' : `provider ${provider}`, note ?? ''];
  const said = extra.filter((text) => text !== '').join(', ');
  const mark = matched ? context.style.ok : context.style.skipped;
  const head = `      ${mark} ${action} ${printable(`${policy.namespace}/${policy.name}`)}${said === '' ? '' : `   (${printable(said)})`}`;
  return [head, ...rules.flatMap((rule) => describeRule(context, rule))];
}

function describeRule(context: VerbContext, rule: RuleTrace): string[] {
  const mark = rule.matched ? context.style.ok : context.style.bad;
  const verdict = rule.matched ? 'matches' : 'does not match';
  const note = rule.note === undefined ? '' : `   (${printable(rule.note)})`;
  const lines = [`        ${mark} rule ${rule.index} ${verdict}${note}`];
  for (const [name, entries] of [['from', rule.from] as const, ['to', rule.to] as const])
    for (const { index, clauses } of entries) {
      if (entries.length > 1) lines.push(`            ${name}[${index}]`);
      lines.push(
        ...describeClauses(context, clauses, entries.length > 1 ? '              ' : '            '),
      );
    }
  return [...lines, ...describeClauses(context, rule.when, '            ')];
}

function describeTokens(context: VerbContext, { tokens }: StageTrace): string[] {
  return tokens.map(({ rule, result, note }) => {
    const issuer = rule.spec.issuer ?? 'any issuer';
    const mark = result === 'accepted' ? context.style.ok : context.style.skipped;
    return `      ${mark} ${printable(rule.id)}   ${printable(issuer)}: ${result}${note === undefined ? '' : ` (${printable(note)})`}`;
  });
}

/** What was matched by policies that are only watched, or only recorded. */
function shadowLines({ policies }: StageTrace): string[] {
  return policies
    .filter((policy) => policy.matched && (policy.dryRun || policy.action === 'AUDIT'))
    .flatMap((policy) =>
      policy.rules
        .filter(({ matched }) => matched)
        .map(
          ({ id }) =>
            `      ${policy.dryRun ? `dry run of ${policy.action}` : 'AUDIT'} matches: ${printable(id)}`,
        ),
    );
}

/** Two of each kind: more would not be read. A way to shut out what is allowed is only told when asked for more. */
function describeSuggestions(context: VerbContext, { decision, suggestions }: Explanation): string[] {
  const isWide = context.out.format === 'wide';
  if (suggestions.length === 0 || (decision.outcome === 'allow' && !isWide)) return [];
  const ofKind = (kind: 'request' | 'policy') =>
    suggestions.filter((one) => one.kind === kind).slice(0, isWide ? undefined : 2);
  const groups = [
    { label: 'another request', list: ofKind('request') },
    { label: 'another policy', list: ofKind('policy') },
  ];
  const lines = ['', `  What would ${decision.outcome === 'deny' ? 'allow' : 'deny'} it`];
  for (const { label, list } of groups)
    for (const [i, { text }] of list.entries())
      lines.push(hang(context.io, `    ${padTo(i === 0 ? label : '  or', 17)}`, printable(text)));
  return lines;
}
