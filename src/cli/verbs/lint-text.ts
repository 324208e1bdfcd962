import type { LintFinding } from '../../policy/lint/index.ts';
import type { ParseResult, Severity } from '../../resources/index.ts';
import type { VerbContext } from '../frame/verb.ts';
import { displayWidth, printable } from '../frame/width.ts';

export function countBySeverity(findings: readonly LintFinding[]): Readonly<Record<Severity, number>> {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  return { error: count('error'), warning: count('warning'), info: count('info') };
}

/** Findings by file and place; `wide` adds why. The summary is for people, on standard error. */
export function printFindings(
  context: VerbContext,
  findings: readonly LintFinding[],
  result: ParseResult,
): void {
  const open = findings.filter(({ suppression }) => suppression === undefined);
  const byFile = Map.groupBy(open, ({ file }) => file ?? '');
  let isFirst = true;
  for (const [file, list] of byFile) {
    if (!isFirst) context.out.line('');
    isFirst = false;
    context.out.line(context.style.bold(printable(file === '-' ? 'standard input' : file)));
    printFile(context, list);
  }
  printSummary(context, findings, result);
}

function printFile(context: VerbContext, list: readonly LintFinding[]): void {
  const places = list.map(({ line, column }) => `${line ?? 1}:${column ?? 1}`);
  const width = Math.max(...places.map(displayWidth));
  const indent = ' '.repeat(width + 4);
  let title: string | undefined;
  for (const [i, finding] of list.entries()) {
    if (finding.resource !== undefined && finding.resource !== title) {
      title = finding.resource;
      context.out.line(context.style.dim(`  ${printable(title)}`));
    }
    const place = (places[i] ?? '').padStart(width);
    context.out.line(
      `  ${place}  ${paint(context, finding.severity)} ${finding.code}  ${printable(finding.message)}`,
    );
    if (finding.path !== undefined)
      context.out.line(context.style.dim(`${indent}at   ${printable(finding.path)}`));
    if (context.out.format === 'wide' && finding.why !== undefined)
      context.out.line(`${indent}why  ${printable(finding.why)}`);
    const marker = finding.edits === undefined || finding.edits.length === 0 ? '' : ' (--fix writes it)';
    if (finding.fix !== undefined) context.out.line(`${indent}fix  ${printable(finding.fix)}${marker}`);
  }
}

function paint({ style }: VerbContext, severity: Severity): string {
  const text = severity.padEnd(7);
  if (severity === 'error') return style.red(text);
  return severity === 'warning' ? style.yellow(text) : style.dim(text);
}

function printSummary(context: VerbContext, findings: readonly LintFinding[], result: ParseResult): void {
  const open = findings.filter(({ suppression }) => suppression === undefined);
  const counts = countBySeverity(open);
  const parts = [
    plural(counts.error, 'error'),
    plural(counts.warning, 'warning'),
    plural(counts.info, 'remark'),
    ...(open.length < findings.length ? [`${findings.length - open.length} suppressed`] : []),
  ];
  const what = `${plural(result.parsed.length, 'resource')} in ${plural(result.sources.length, 'file')}`;
  const { style } = context;
  const mark = counts.error > 0 ? style.bad : counts.warning > 0 ? style.warning : style.ok;
  context.out.note(
    `${open.length === 0 ? '' : '\n'}${mark} ${what}: ${open.length === 0 ? 'nothing found' : parts.join(', ')}`,
  );
  if (open.length === 0 && open.length < findings.length) context.out.note(`  ${findings.length} suppressed`);
  const kinds = Map.groupBy(result.skipped, ({ kind }) => kind);
  if (kinds.size > 0)
    context.out.note(
      `  skipped, not ours: ${[...kinds].map(([kind, list]) => `${list.length} ${printable(kind)}`).join(', ')}`,
    );
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
