import type { Command } from 'commander';
import { cliErrors } from './errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import type { Io } from './io.ts';
import { Output, type OutputFormat, parseOutputFormat, type SpecialFormat } from './output.ts';
import { type ColorChoice, type Style, styleFor } from './style.ts';

export interface GlobalOptions {
  readonly output: OutputFormat;
  readonly server: string | undefined;
  readonly color: ColorChoice;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly headers: boolean;
}

/** What a verb works with. */
export interface VerbContext {
  readonly io: Io;
  readonly global: GlobalOptions;
  readonly out: Output;
  /** Marks and colours for text on standard output. */
  readonly style: Style;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Runs one verb. `undefined` means exit code 0. */
export type Handler<Options> = (
  context: VerbContext,
  args: readonly string[],
  options: Options,
) => Promise<ExitCode | undefined> | ExitCode | undefined;

/** What the frame gives a verb while it declares its arguments and flags. */
export interface Frame {
  /** Makes the commander action of a handler. */
  action<Options extends object>(handler: Handler<Options>): (...raw: unknown[]) => Promise<void>;
  /** Candidates for one argument, for completion: live names or a fixed list. */
  complete(command: Command, candidates: Candidates): void;
  /** Output formats that this verb has beside the usual ones, and prints itself. */
  formats(command: Command, special: readonly SpecialFormat[]): void;
}

export type Candidates = (context: VerbContext, typed: readonly string[]) => Promise<readonly string[]>;

/** A verb lives in one file of `verbs/` and is loaded only when it is used. */
export interface Verb {
  readonly configure: (command: Command, frame: Frame) => void;
}

export interface VerbEntry {
  readonly name: string;
  readonly summary: string;
  /** Heading in `castellan help`. */
  readonly group: 'Begin' | 'Certificates' | 'Policy' | 'Operate' | 'More';
  readonly load: () => Promise<Verb>;
}

/** Reads the flags every verb has. */
export function readGlobals(
  raw: Readonly<Partial<Record<string, string | boolean>>>,
  io: Io,
  special: readonly SpecialFormat[] = [],
): GlobalOptions {
  const color = String(raw.color ?? 'auto');
  if (color !== 'auto' && color !== 'always' && color !== 'never')
    throw cliErrors.USAGE({ message: '`--color` is auto, always or never' });
  const server = raw.server ?? io.env.CASTELLAN_SERVER;
  return {
    output: parseOutputFormat(String(raw.output ?? 'table'), special),
    server: typeof server === 'string' && server !== '' ? server : undefined,
    color,
    quiet: raw.quiet === true,
    debug: raw.debug === true,
    headers: raw.headers !== false,
  };
}

export function makeContext(io: Io, global: GlobalOptions, signal: AbortSignal): VerbContext {
  return {
    io,
    global,
    out: new Output(io, { format: global.output, headers: global.headers, quiet: global.quiet }),
    style: styleFor(global.color, io, io.stdoutIsTerminal),
    signal,
  };
}

export function toExitCode(answer: ExitCode | undefined): ExitCode {
  return answer ?? exitCodes.ok;
}
