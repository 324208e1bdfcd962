import type { TestOutcome, TestReport } from '../../operations/policy-files/index.ts';
import type { Share } from '../../policy/test/index.ts';
import type { VerbContext } from '../frame/verb.ts';
import { displayWidth, printable } from '../frame/width.ts';
import { hang, padTo, plural } from '../frame/wrap.ts';

/** Cases by file and test, matrices as tables; what failed says what was wanted and why it came otherwise. */
export function printReport(context: VerbContext, report: TestReport, withCoverage: boolean): void {
  const { out, style } = context;
  const byFile = Map.groupBy(report.results, ({ file }) => file);
  let isFirst = true;
  for (const [file, results] of byFile) {
    if (!isFirst) out.line('');
    isFirst = false;
    out.line(style.bold(printable(file === '-' ? 'standard input' : file)));
    for (const [, cases] of Map.groupBy(results, ({ test, mode }) => `${test}\u0000${mode}`))
      printTest(context, cases);
  }
  out.line('');
  const failed = report.results.filter(({ passed }) => !passed).length;
  const mark = failed === 0 ? style.ok : style.bad;
  out.line(`${mark} ${report.results.length - failed} passed, ${failed} failed`);
  printCoverage(context, report, withCoverage);
}

function printTest(context: VerbContext, cases: readonly TestOutcome[]): void {
  const [first] = cases;
  const mode = first?.mode === 'strict' ? ' (strict)' : '';
  context.out.line(context.style.dim(`  ${printable(first?.test ?? '')}${mode}`));
  for (const one of cases.filter(({ cell }) => cell === undefined)) printCase(context, one);
  const cells = cases.filter(({ cell }) => cell !== undefined);
  for (const [, matrix] of Map.groupBy(cells, ({ cell }) => cell?.matrix)) {
    if (!printGrid(context, matrix)) for (const one of matrix) printCase(context, one);
    else for (const one of matrix.filter(({ passed }) => !passed)) printProblems(context, one);
  }
}

function printCase(context: VerbContext, one: TestOutcome): void {
  const { style, out, io } = context;
  out.line(hang(io, `  ${one.passed ? style.ok : style.bad} `, printable(one.name)));
  if (!one.passed) printProblems(context, one);
}

function printProblems(context: VerbContext, { name, cell, problems, why, file, line }: TestOutcome): void {
  const { out, io, style } = context;
  if (cell !== undefined) out.line(hang(io, `  ${style.bad} `, printable(name)));
  for (const problem of problems) out.line(hang(io, '      ', style.red(printable(problem))));
  if (why !== undefined) out.line(hang(io, '      why  ', printable(why)));
  out.line(`      at   ${printable(file)}:${line}`);
}

/** Rows are callers, columns are calls; false when it does not fit the terminal. */
function printGrid(context: VerbContext, cells: readonly TestOutcome[]): boolean {
  const { out, io, style } = context;
  const to = printable(cells[0]?.cell?.to ?? '');
  const calls = [...new Set(cells.map(({ cell }) => cell?.call ?? ''))].map(printable);
  const rows = Map.groupBy(cells, ({ cell }) => cell?.from ?? '');
  const names = shortNames([...rows.keys()]);
  const rowWidth = Math.max(displayWidth(to), ...names.map(displayWidth));
  const widths = calls.map((call) => Math.max(displayWidth(call), 8));
  const marks = Math.max(displayWidth(style.ok), displayWidth(style.bad));
  const total = 3 + marks + rowWidth + widths.reduce((sum, width) => sum + width + 2, 0);
  if (total > (io.stdoutIsTerminal ? io.columns : 160)) return false;
  const head = calls.map((call, i) => padTo(call, widths[i] ?? 0)).join('  ');
  out.line(style.dim(`${' '.repeat(3 + marks)}${padTo(to, rowWidth)}  ${head}`.trimEnd()));
  for (const [i, row] of [...rows.values()].entries()) {
    const mark = row.every(({ passed }) => passed) ? style.ok : style.bad;
    const answers = row.map((one, column) => answerCell(context, one, widths[column] ?? 0));
    out.line(`  ${padTo(mark, marks)} ${padTo(names[i] ?? '', rowWidth)}  ${answers.join('  ')}`.trimEnd());
  }
  return true;
}

function answerCell({ style }: VerbContext, { passed, decision }: TestOutcome, width: number): string {
  const text = padTo(passed ? decision.outcome : `${decision.outcome} !`, width);
  if (!passed) return style.red(text);
  return decision.outcome === 'allow' ? style.green(text) : text;
}

/** Identities of one trust domain are told apart by namespace and account. */
function shortNames(names: readonly string[]): readonly string[] {
  const parts = names.map((name) => /^(?:spiffe:\/\/)?([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(name));
  const domains = new Set(parts.map((part) => part?.[1]).filter((domain) => domain !== undefined));
  return names.map((name, i) => {
    const part = parts[i];
    return domains.size === 1 && part ? `${part[2]}/${part[3]}` : printable(name);
  });
}

function printCoverage(
  { out, style }: VerbContext,
  { coverage: { rules, clauses } }: TestReport,
  withMissing: boolean,
): void {
  const say = ({ covered, total }: Share) =>
    `${covered}/${total}${total === 0 ? '' : ` (${Math.floor((covered / total) * 100)}%)`}`;
  const mark = rules.covered === rules.total ? style.ok : style.warning;
  out.line(`${mark} coverage: rules ${say(rules)}, clauses ${say(clauses)}`);
  const shown = withMissing || rules.missing.length <= 3;
  if (shown) for (const id of rules.missing) out.line(`    never matched: ${printable(id)}`);
  else out.line(`    ${plural(rules.missing.length, 'rule')} never matched: --coverage lists them`);
  if (withMissing) for (const id of clauses.missing) out.line(`    never true: ${printable(id)}`);
}
