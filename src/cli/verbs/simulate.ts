import { parseDuration } from '../../base/duration.ts';
import type { FlipGroup } from '../../operations/decisions/index.ts';
import { connect } from '../client/connect.ts';
import type { SimulationJson } from '../client/types.ts';
import { type ExitCode, exitCodes } from '../frame/exit-codes.ts';
import { readResourceFiles } from '../frame/resource-files.ts';
import { type Column, formatTable } from '../frame/table.ts';
import { usageError } from '../frame/usage.ts';
import type { Verb, VerbContext } from '../frame/verb.ts';
import { printable } from '../frame/width.ts';
import { printFindings } from './apply.ts';

interface Options {
  readonly filename: readonly string[];
  readonly namespace?: string;
  readonly last: string;
}

function readSeconds(text: string): number {
  try {
    return Math.max(1, Math.round(parseDuration(text) / 1_000));
  } catch {
    throw usageError(`\`${text}\` is not a duration`, 'castellan simulate -f FILE --last 1h');
  }
}

async function ask(context: VerbContext, options: Options): Promise<SimulationJson> {
  const { namespace } = options;
  const { texts } = await readResourceFiles(
    context.io,
    options.filename,
    namespace === undefined ? {} : { defaultNamespace: namespace },
  );
  return await connect(context).post<SimulationJson>('/simulations', {
    files: [...texts].map(([file, text]) => ({ file, text })),
    lastSeconds: readSeconds(options.last),
    ...(namespace === undefined ? {} : { namespace }),
  });
}

const columns: readonly Column<FlipGroup>[] = [
  { header: 'change', cell: ({ from, to }) => `${from} > ${to}` },
  { header: 'requests', cell: ({ estimated, recorded }) => aboutText(estimated, recorded) },
  { header: 'counted', cell: ({ counted }) => String(counted), alignRight: true, drop: 2 },
  { header: 'from', cell: ({ caller }) => caller, shrink: true },
  { header: 'to', cell: ({ callee }) => callee, shrink: true },
  { header: 'call', cell: ({ operation }) => operation, shrink: true },
  { header: 'reason', cell: ({ reason }) => reason, drop: 1 },
  { header: 'policy', cell: ({ policyId }) => policyId ?? '-', wide: true },
  { header: 'example', cell: ({ example }) => example, wide: true },
];

/** Sampled records stand for more requests than there are records. */
function aboutText(estimated: number, recorded: number): string {
  return estimated === recorded ? String(recorded) : `~${estimated}`;
}

function print({ io, out, global, style }: VerbContext, simulation: SimulationJson, last: string): void {
  const { replayed, estimated, flips, flipGroups, undecidable, undecidableGroups, skipped, beyond } =
    simulation;
  if (flipGroups.length > 0)
    io.stdout(
      formatTable(columns, flipGroups, {
        columns: io.columns,
        headers: global.headers,
        wide: out.format === 'wide',
      }),
    );
  const mark = flips > 0 ? style.bad : style.ok;
  const counted = `${replayed} decisions of the last ${last} (${aboutText(estimated, replayed)} requests)`;
  out.line(`${mark} ${flips} of ${counted} would change`);
  for (const { missing, recorded, example } of undecidableGroups)
    out.line(`${style.warning} ${recorded} undecidable: ${printable(missing)} (e.g. ${example})`);
  if (undecidable > 0) out.note('an undecidable one is neither a change nor none: nothing is guessed');
  if (skipped > 0) out.note(`${skipped} were decided before any policy was looked at`);
  if (beyond > 0) out.note(`${beyond} more are in none of these groups`);
  if (replayed === 0)
    out.note('nothing was replayed: denials are recorded, allows are sampled (decisions.sampleAllows)');
}

export const simulate: Verb = {
  configure: (command, frame) => {
    command
      .requiredOption('-f, --filename <file...>', 'YAML or JSON files, directories, - for standard input')
      .option('-n, --namespace <name>', 'the namespace of documents that name none')
      .option('--last <duration>', 'replay decisions of so long', '1h')
      .addHelpText(
        'after',
        '\nDecides recent requests again, by the policies in force and as they would be with these files applied.\nExit code 1: something would change, or a finding refused the files.',
      )
      .action(
        frame.action<Options>(async (context, _args, options): Promise<ExitCode | undefined> => {
          const simulation = await ask(context, options);
          printFindings(context, simulation.findings);
          if (context.out.isStructured) context.out.document(simulation);
          else if (simulation.refused) context.out.note('nothing was replayed');
          else print(context, simulation, options.last);
          return simulation.refused || simulation.flips > 0 ? exitCodes.no : undefined;
        }),
      );
  },
};
