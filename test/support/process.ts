import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoints } from '../../src/app/endpoints-file.ts';
import { until } from './wire-server.ts';

const root = join(import.meta.dirname, '../..');

const portFlags = [
  '--csr-port',
  '--admin-port',
  '--observability-port',
  '--ext-authz-port',
  '--ext-authz-http-port',
];

export interface ServerProcess {
  readonly pid: number;
  readonly endpoints: Endpoints;
  /** Everything it wrote to standard error so far. */
  stderr(): string;
  /** Sends the signal and waits for the end. */
  end(
    signal: NodeJS.Signals,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface ServerProcessOptions {
  readonly stateDir: string;
  /** A settings file, as text. */
  readonly settings?: string;
  readonly verb?: 'up' | 'server';
  readonly arguments?: readonly string[];
  /** Put in front of the command, such as strace. */
  readonly wrapper?: readonly string[];
}

/** The server as a process of its own, without the launcher in between, so that a kill hits the server itself. */
export async function startProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-process-'));
  const config = join(scratch, 'castellan.yaml');
  writeFileSync(config, options.settings ?? '', { mode: 0o600 });
  const endpointsFile = join(options.stateDir, 'endpoints.json');
  rmSync(endpointsFile, { force: true });
  const command = [
    ...(options.wrapper ?? []),
    join(root, 'node_modules/.bin/node'),
    '--disable-proto=delete',
    '--disable-warning=ExperimentalWarning',
    join(root, 'src/cli/main.ts'),
    options.verb ?? 'up',
    '--config',
    config,
    '--state-dir',
    options.stateDir,
    ...portFlags.flatMap((flag) => [flag, '0']),
    ...(options.arguments ?? []),
  ];
  // What steers a test (CASTELLAN_KILL_ROUNDS) would be an unknown setting to the server.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('CASTELLAN_'));
  const env = {
    ...Object.fromEntries(inherited),
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/castellan'),
  };
  const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], env });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = endOf(child);
  let isOver = false;
  void ended.then(() => (isOver = true));
  const read = () => {
    try {
      return JSON.parse(readFileSync(endpointsFile, 'utf8')) as Endpoints;
    } catch {
      return undefined;
    }
  };
  let endpoints: Endpoints | undefined;
  await until(() => isOver || (endpoints = read()) !== undefined);
  if (endpoints === undefined) throw new Error(`the server did not start: ${stderr}`);
  return {
    pid: child.pid as number,
    endpoints,
    stderr: () => stderr,
    async end(signal) {
      child.kill(signal);
      const outcome = await ended;
      rmSync(scratch, { recursive: true, force: true });
      return outcome;
    },
  };
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
}

/** The roots that a client of this server pins, from the journal of its authority. */
export function rootsPemIn(stateDir: string): string {
  const journal = JSON.parse(readFileSync(join(stateDir, 'authority', 'journal.json'), 'utf8')) as {
    bundle: { rootsPem: string };
  };
  return journal.bundle.rootsPem;
}
