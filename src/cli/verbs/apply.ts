import { connect } from '../client/connect.ts';
import type { ApplyResultJson, FindingJson } from '../client/types.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { readInputText } from '../frame/files.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { printEnforcement, readTimeout, waitInForce } from './wait-in-force.ts';

interface Options {
  readonly filename: readonly string[];
  readonly namespace?: string;
  readonly dryRun?: boolean | string;
  readonly shadow?: boolean;
  readonly wait?: boolean;
  readonly timeout: string;
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

const isDryRun = ({ dryRun }: Options) => dryRun !== undefined && dryRun !== false;

async function applyFile(context: VerbContext, file: string, options: Options): Promise<ApplyResultJson> {
  const text = await readInputText(context.io, file);
  const { body } = await connect(context).call<ApplyResultJson>({
    method: 'POST',
    path: '/resources',
    body: {
      text,
      file: file === '-' ? 'standard input' : file,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      dryRun: isDryRun(options),
      ...(options.shadow === true ? { shadow: true } : {}),
    },
    alsoAnswers: [422],
  });
  return body;
}

function printAnswer(context: VerbContext, answer: ApplyResultJson): void {
  const { out } = context;
  printFindings(context, answer.findings);
  for (const title of answer.skipped) out.note(`skipped ${printable(title)}: not kept here`);
  if (out.isStructured) return;
  for (const { kind, name, outcome } of answer.results)
    out.line(
      `${kind.toLowerCase()}/${name}${out.format === 'name' ? '' : ` ${outcome}${answer.applied ? '' : ' (dry run)'}`}`,
    );
}

export const apply: Verb = {
  configure: (command, frame) => {
    command
      .requiredOption('-f, --filename <file...>', 'YAML or JSON files, - for standard input')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .option('--dry-run [where]', 'say what would happen and change nothing')
      .option(
        '--shadow',
        'store authorization policies as dry-run: decisions tell what they would have decided',
      )
      .option('--wait', 'return when every enforcer decides by it, and say how many do')
      .option('--timeout <duration>', 'with --wait: how long', '30s')
      .addHelpText(
        'after',
        '\nA document with metadata.resourceVersion is written only over that version.\nExit code 1: refused by a finding, changed by somebody else meanwhile, or not in force everywhere in time.',
      )
      .action(
        frame.action<Options>(async (context, _args, options): Promise<ExitCode | undefined> => {
          if (options.filename.length === 0) throw usageError('nothing to apply', 'castellan apply -f FILE');
          const timeoutMs = readTimeout(options.timeout);
          const answers: ApplyResultJson[] = [];
          for (const file of options.filename) {
            const answer = await applyFile(context, file, options);
            answers.push(answer);
            printAnswer(context, answer);
          }
          const refused = answers.some((answer) => answer.refused);
          const newest = answers.filter(({ applied }) => applied).at(-1);
          const enforcement =
            options.wait === true && newest !== undefined
              ? await waitInForce(connect(context), context, { revision: newest.revision, timeoutMs })
              : undefined;
          if (context.out.isStructured) {
            const documents = answers.map((answer) =>
              enforcement === undefined ? answer : { ...answer, enforcement },
            );
            context.out.document(documents.length === 1 ? documents[0] : documents);
          }
          if (refused) context.out.note('nothing of the refused text was applied');
          const inForce = enforcement === undefined || printEnforcement(context, enforcement);
          return refused || !inForce ? exitCodes.no : undefined;
        }),
      );
  },
};
