import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { buildInfo } from '../../app/settings/build-info.ts';
import {
  applyEdits,
  formatSarif,
  type LintFinding,
  lint as lintResources,
  parseSuppressions,
  type SuppressionRule,
} from '../../policy/lint/index.ts';
import type { ParseResult, Severity } from '../../resources/index.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { writeOne } from '../frame/files.ts';
import { apiVersion } from '../frame/output.ts';
import { type ResourceFiles, readResourceFiles } from '../frame/resource-files.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { countBySeverity, printFindings } from './lint-text.ts';

interface Options {
  readonly fix?: boolean;
  readonly suppress: readonly string[];
  readonly failOn: string;
  readonly namespace?: string;
}

const ranks: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

function collect(text: string, texts: readonly string[]): readonly string[] {
  return [...texts, text];
}

function readFailOn(text: string): number {
  const rank = Object.hasOwn(ranks, text) ? ranks[text as Severity] : undefined;
  if (rank === undefined) throw usageError('`--fail-on` is error, warning or info');
  return rank;
}

function readSuppress(texts: readonly string[]): readonly SuppressionRule[] {
  return texts.flatMap((text) => {
    const { rules, wrong } = parseSuppressions(text);
    if (wrong.length > 0 || rules.length === 0)
      throw usageError(
        `\`--suppress ${text}\` is not a known code and a reason`,
        'castellan lint FILE --suppress CAS0104=why',
      );
    return rules;
  });
}

/** Writes the safe fixes into the files, and lints what is there then. */
async function fixFiles(
  context: VerbContext,
  files: ResourceFiles,
  findings: readonly LintFinding[],
): Promise<number> {
  let count = 0;
  for (const [name, text] of files.texts) {
    const edits = findings.filter(({ file, suppression }) => file === name && suppression === undefined);
    const fixed = applyEdits(
      text,
      edits.flatMap((finding) => finding.edits ?? []),
    );
    if (fixed === text) continue;
    count += edits.filter((finding) => finding.edits !== undefined && finding.edits.length > 0).length;
    if (name === '-') context.out.line(fixed.replace(/\n$/, ''));
    else rewrite(resolve(context.io.cwd, name), fixed);
  }
  return count;
}

/** The file a link points to, with the mode it has. */
function rewrite(path: string, text: string): void {
  const target = realpathSync(path);
  writeOne(target, text, statSync(target).mode & 0o777);
}

function print(context: VerbContext, findings: readonly LintFinding[], result: ParseResult): void {
  const { out } = context;
  const open = findings.filter(({ suppression }) => suppression === undefined);
  if (out.format === 'sarif') {
    out.line(JSON.stringify(formatSarif(findings, { version: buildInfo().version }), null, 2));
  } else if (out.isStructured) {
    const skipped = result.skipped.map(({ kind, name, file, line }) => ({ kind, name, file, line }));
    const counts = { ...countBySeverity(open), suppressed: findings.length - open.length };
    const items = findings.map(({ edits, ...finding }) => ({
      ...finding,
      fixable: edits !== undefined && edits.length > 0,
    }));
    out.document({
      apiVersion,
      kind: 'FindingList',
      resources: result.parsed.length,
      skipped,
      counts,
      items,
    });
  } else if (out.format === 'name') {
    for (const { file, line, column, code } of open)
      out.line(`${file ?? '-'}:${line ?? 1}:${column ?? 1} ${code}`);
  } else {
    printFindings(context, findings, result);
  }
}

export const lint: Verb = {
  configure: (command, frame) => {
    command
      .argument('<files...>', 'YAML or JSON files, directories, or - for standard input')
      .option('--fix', 'write the safe fixes into the files; comments stay')
      .option('--suppress <CODE=reason>', 'do not count a finding, and say why; may be repeated', collect, [])
      .option('--fail-on <severity>', 'error, warning or info', 'error')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .addHelpText(
        'after',
        '\nFiles are read together: what one policy says is judged with all the others.\nOutput formats: table, wide, json, yaml, name, sarif.\nA finding is suppressed in the file by the annotation castellan.dev/suppress: "CAS0104=reason".\nExit code 1: there are findings of the severity of --fail-on or worse.',
      )
      .action(
        frame.action<Options>(async (context, paths, options): Promise<ExitCode | undefined> => {
          const failOn = readFailOn(options.failOn);
          const suppress = readSuppress(options.suppress);
          const read = () =>
            readResourceFiles(
              context.io,
              paths,
              options.namespace === undefined ? {} : { defaultNamespace: options.namespace },
            );
          let files = await read();
          let findings = lintResources(files.result, { suppress });
          if (options.fix === true) {
            const fixed = await fixFiles(context, files, findings);
            if (paths.includes('-')) return undefined;
            context.out.note(`${fixed} ${fixed === 1 ? 'finding' : 'findings'} fixed`);
            files = await read();
            findings = lintResources(files.result, { suppress });
          }
          print(context, findings, files.result);
          const open = findings.filter(({ suppression }) => suppression === undefined);
          return open.some(({ severity }) => ranks[severity] >= failOn) ? exitCodes.no : undefined;
        }),
      );
    frame.formats(command, ['sarif']);
  },
};
