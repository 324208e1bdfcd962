import { Command, CommanderError } from 'commander';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { describeFault, formatFault, formatStack } from './fault.ts';
import type { Io } from './io.ts';
import { outputFormats, type SpecialFormat } from './output.ts';
import { styleFor } from './style.ts';
import { fromCommander, refuseSecrets } from './usage.ts';
import { type Candidates, type Frame, makeContext, readGlobals, toExitCode, type VerbEntry } from './verb.ts';

export interface Program {
  readonly command: Command;
  readonly candidates: ReadonlyMap<Command, Candidates>;
  /** Loads and declares one verb's arguments and flags; does nothing the second time. */
  readonly load: (name: string) => Promise<Command | undefined>;
  readonly exitCode: () => ExitCode;
}

/** The command tree. Only names and summaries are known at first; a verb's file is read when it is used. */
export function buildProgram(verbs: readonly VerbEntry[], io: Io, signal: AbortSignal): Program {
  const root = new Command('castellan');
  const candidates = new Map<Command, Candidates>();
  const specialFormats = new Map<Command, readonly SpecialFormat[]>();
  const loaded = new Set<string>();
  let exitCode: ExitCode = exitCodes.ok;

  declareGlobals(root, io);
  const globalsOf = (command: Command) =>
    readGlobals(command.optsWithGlobals(), io, specialFormats.get(command));
  const frame: Frame = {
    action:
      (handler) =>
      async (...raw) => {
        const command = raw.at(-1) as Command;
        const args = raw
          .slice(0, -2)
          .flat()
          .filter((arg): arg is string => typeof arg === 'string');
        const context = makeContext(io, globalsOf(command), signal);
        exitCode = toExitCode(await handler(context, args, command.opts()));
      },
    complete: (command, list) => void candidates.set(command, list),
    formats: (command, special) => void specialFormats.set(command, special),
  };
  const load = async (name: string) => {
    const entry = verbs.find((verb) => verb.name === name);
    const command = root.commands.find((child) => child.name() === name);
    if (entry === undefined || command === undefined || loaded.has(name)) return command;
    loaded.add(name);
    (await entry.load()).configure(command, frame);
    return command;
  };
  for (const { name, summary, group } of verbs)
    root.command(name).description(summary).helpGroup(`${group}:`);
  root.hook('preSubcommand', async (_root, child) => {
    await load(child.name());
  });
  return { command: root, candidates, load, exitCode: () => exitCode };
}

function declareGlobals(root: Command, io: Io): void {
  root
    .description('Identities and decisions for a zero-trust network.')
    .usage('[flags] VERB ...')
    .option('-o, --output <format>', outputFormats.join(', '), 'table')
    .option('--server <address>', 'the server: host:port, https://… or unix:PATH (CASTELLAN_SERVER)')
    .option('--color <when>', 'auto, always or never', 'auto')
    .option('-q, --quiet', 'print data only')
    .option('--no-headers', 'tables without their first line')
    .option('--debug', 'print causes and stacks of errors')
    .helpOption('-h, --help', 'what a verb does and which flags it has')
    .helpCommand(false)
    .allowExcessArguments(false)
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      outputError: () => undefined,
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/** `help X Y` is `X Y --help`; `--version` by itself is this program's, whatever server there is. */
function rewrite(argv: readonly string[]): readonly string[] {
  if (argv.length === 1 && argv[0] === '--version') return ['version', '--client'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

/** Runs one command line and returns its exit code; whatever goes wrong is printed on standard error. */
export async function runCommandLine(
  verbs: readonly VerbEntry[],
  argv: readonly string[],
  io: Io,
  signal: AbortSignal,
): Promise<ExitCode> {
  const program = buildProgram(verbs, io, signal);
  try {
    refuseSecrets(argv);
    await program.command.parseAsync([...rewrite(argv)], { from: 'user' });
    return program.exitCode();
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      if (error.code === 'commander.help') return exitCodes.usage;
    }
    return printFailure(error, program.command, argv, io);
  }
}

function printFailure(error: unknown, root: Command, argv: readonly string[], io: Io): ExitCode {
  const verb = root.commands.find((child) => argv.includes(child.name()))?.name();
  const shown = error instanceof CommanderError ? fromCommander(error, verb) : error;
  const color = root.opts<{ color?: string }>().color;
  const style = styleFor(color === 'always' || color === 'never' ? color : 'auto', io, io.stderrIsTerminal);
  const fault = describeFault(shown);
  io.stderr(formatFault(fault, style));
  if (argv.includes('--debug')) io.stderr(formatStack(error));
  return fault.exitCode;
}
