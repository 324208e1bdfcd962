import { recordRequest } from '../../operations/decisions/index.ts';
import { settingsOf } from '../../operations/policy-files/index.ts';
import { compile, type DiffEntry, diffSnapshots, type PolicySnapshot } from '../../policy/index.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { apiVersion } from '../frame/output.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { changedResources, type ResourceChange } from '../policy/changes.ts';
import { printDiff, type ReadDiff } from '../policy/diff-text.ts';
import { type PolicyFileOptions, readPolicies } from '../policy/open.ts';

interface Options extends PolicyFileOptions {
  readonly maxEntries?: string;
}

async function readDiff(
  context: VerbContext,
  [oldPath = '', newPath = '']: readonly string[],
  options: Options,
): Promise<ReadDiff> {
  const before = await readPolicies(context, [oldPath], options);
  const after = await readPolicies(context, [newPath], options);
  const snapshots = [before, after].map(
    ({ resources }): PolicySnapshot => compile(resources, settingsOf(resources, options.strict === true)),
  );
  const [was, is] = snapshots as [PolicySnapshot, PolicySnapshot];
  const maxEntries = readMaximum(options.maxEntries);
  const changes: readonly ResourceChange[] = changedResources(before, after);
  return { changes, diff: diffSnapshots(was, is, maxEntries === undefined ? {} : { maxEntries }) };
}

function readMaximum(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 10_000)
    throw usageError('`--max-entries` is a number from 1 to 10000');
  return number;
}

function toJson({ change, workload, who, example, before, after }: DiffEntry): object {
  const { labels, namespace, name, proxy } = workload;
  const request = recordRequest(example, []);
  return {
    change,
    workload: { namespace, name, labels: Object.fromEntries(labels), proxy },
    who,
    example: request,
    before: { outcome: before.outcome, reason: before.reason, policyId: before.policyId },
    after: { outcome: after.outcome, reason: after.reason, policyId: after.policyId },
  };
}

function print(context: VerbContext, read: ReadDiff): void {
  const { out } = context;
  const { changes, diff } = read;
  if (out.isStructured)
    out.document({
      apiVersion,
      kind: 'PolicyDiff',
      before: diff.before,
      after: diff.after,
      changes,
      isComplete: diff.isComplete,
      gaps: diff.gaps,
      items: diff.entries.map(toJson),
    });
  else if (out.format === 'name')
    for (const { change, workload } of diff.entries)
      out.line(`${change} ${workload.namespace}/${workload.name ?? [...workload.labels].join(',')}`);
  else printDiff(context, read);
}

export const diff: Verb = {
  configure: (command, frame) => {
    command
      .argument('<old>', 'policies as they were: a file, a directory, or - for standard input')
      .argument('<new>', 'policies as they would be')
      .option('--max-entries <number>', 'groups told for each workload and direction', '50')
      .option('--strict', 'decide as strict mode does')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .addHelpText(
        'after',
        '\nSays what the change does, not what it looks like: which requests are let in that were not, and which are\nshut out, each with an example that was decided both ways.\nExit code 1: somebody gains or loses access, or not everything could be compared.',
      )
      .action(
        frame.action<Options>(async (context, paths, options): Promise<ExitCode | undefined> => {
          const read = await readDiff(context, paths, options);
          print(context, read);
          return read.diff.entries.length > 0 || !read.diff.isComplete ? exitCodes.no : undefined;
        }),
      );
  },
};
