import { connect } from '../client/connect.ts';
import type { ApplyResultJson, FindingJson } from '../client/types.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { readInputText } from '../frame/files.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';

interface Options {
  readonly filename: readonly string[];
  readonly namespace?: string;
  readonly dryRun?: boolean | string;
}

/** Findings of the server on standard error, one a line with its place: an editor can jump there. */
export function printFindings({ io, style }: VerbContext, findings: readonly FindingJson[]): void {
  for (const { file, line, column, severity, code, message, fix } of findings) {
    const place = file === undefined ? '' : `${file}:${line ?? 1}:${column ?? 1}: `;
    const paint = severity === 'error' ? style.red : severity === 'warning' ? style.yellow : style.dim;
    io.stderr(`${printable(place)}${paint(severity)} ${code} ${printable(message)}\n`);
    if (fix !== undefined) io.stderr(`  fix   ${printable(fix)}\n`);
  }
}

async function applyFile(context: VerbContext, file: string, options: Options): Promise<ApplyResultJson> {
  const text = await readInputText(context.io, file);
  const { body } = await connect(context).call<ApplyResultJson>({
    method: 'POST',
    path: '/resources',
    body: {
      text,
      file: file === '-' ? 'standard input' : file,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      dryRun: options.dryRun !== undefined && options.dryRun !== false,
    },
    alsoAnswers: [422],
  });
  return body;
}

export const apply: Verb = {
  configure: (command, frame) => {
    command
      .requiredOption('-f, --filename <file...>', 'YAML or JSON files, - for standard input')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .option('--dry-run [where]', 'say what would happen and change nothing')
      .addHelpText(
        'after',
        '\nA document with metadata.resourceVersion is written only over that version.\nExit code 1: refused by a finding, or changed by somebody else meanwhile.',
      )
      .action(
        frame.action<Options>(async (context, _args, options): Promise<ExitCode | undefined> => {
          if (options.filename.length === 0) throw usageError('nothing to apply', 'castellan apply -f FILE');
          let refused = false;
          const answers: ApplyResultJson[] = [];
          for (const file of options.filename) {
            const answer = await applyFile(context, file, options);
            answers.push(answer);
            refused ||= answer.refused;
            printFindings(context, answer.findings);
            for (const title of answer.skipped)
              context.out.note(`skipped ${printable(title)}: not kept here`);
            if (context.out.isStructured) continue;
            for (const { kind, name, outcome } of answer.results)
              context.out.line(
                `${kind.toLowerCase()}/${name}${context.out.format === 'name' ? '' : ` ${outcome}${answer.applied ? '' : ' (dry run)'}`}`,
              );
          }
          if (context.out.isStructured) context.out.document(answers.length === 1 ? answers[0] : answers);
          if (refused) context.out.note('nothing of the refused text was applied');
          return refused ? exitCodes.no : undefined;
        }),
      );
  },
};
