import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Endpoints } from '../../src/app/endpoints-file.ts';
import { fields } from '../../src/app/settings/index.ts';

export const bin = join(fileURLToPath(new URL('../..', import.meta.url)), 'bin', 'castellan');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Every door on any free port, whichever doors there are. */
export const freePorts: Readonly<Record<string, string>> = Object.fromEntries(
  fields.filter(({ name }) => name.endsWith('Port')).map(({ env }) => [env, '0']),
);

/** A clean environment: nothing of the machine's own settings reaches the program. */
function environmentOf(options: RunOptions): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: join(options.cwd, 'home'),
    XDG_CONFIG_HOME: join(options.cwd, 'home', '.config'),
    ...freePorts,
    ...options.env,
  };
}

/** Runs bin/castellan to its end. */
export function run(args: readonly string[], options: RunOptions): Promise<Ran> {
  // The pinned Node lets the launcher hand its process over: what is killed is the server itself.
  const child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd, env: environmentOf(options) });
  child.stdin.end(options.input ?? '');
  return collect(child);
}

function collect(child: ChildProcess): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export interface ServerProcess {
  readonly endpoints: Endpoints;
  readonly stateDir: string;
  readonly process: ChildProcess;
  /** What was printed so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  /** SIGTERM, and what came of it. */
  stop(signal?: NodeJS.Signals): Promise<Ran>;
}

const longestStartMs = 60_000;

/** Starts `castellan up` (or another verb) on free ports and waits until it says where its doors are. */
export async function startServer(
  options: RunOptions & {
    readonly verb?: string;
    readonly args?: readonly string[];
    readonly stateDir?: string;
    /** Another launcher than that of the sources. */
    readonly launcher?: string;
  },
): Promise<ServerProcess> {
  const stateDir = options.stateDir ?? join(options.cwd, '.castellan');
  const args = [options.verb ?? 'up', '--state-dir', stateDir, ...(options.args ?? [])];
  // The pinned Node lets the launcher hand its process over: what is killed is the server itself.
  const child = spawn(process.execPath, [options.launcher ?? bin, ...args], {
    cwd: options.cwd,
    env: environmentOf(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  const file = join(stateDir, 'endpoints.json');
  const deadline = Date.now() + longestStartMs;
  while (!existsSync(file)) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      const { code } = await ended;
      throw new Error(`castellan ${args.join(' ')} did not start (exit ${code}):\n${stdout}${stderr}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  return {
    endpoints: JSON.parse(readFileSync(file, 'utf8')) as Endpoints,
    stateDir,
    process: child,
    output: () => ({ stdout, stderr }),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** A directory of its own for one test file; short, since socket paths are. */
export function scratchDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'cst-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
