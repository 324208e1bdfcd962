import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '../../../test/support/tools.ts';
import { percentile } from '../bench.ts';
import type { ServePlan } from './plan.ts';

const script = fileURLToPath(new URL('serve.ts', import.meta.url));

/** As bin/castellan starts a server; the floors run under the same. */
const flags = ['--min-semi-space-size=4', '--max-semi-space-size=4', '--expose-gc'];
const malloc = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

export interface Target extends Disposable {
  readonly grpc: number;
  readonly http: number;
  readonly pid: number;
  /** Puts a changed policy in force, everywhere. */
  change(): Promise<void>;
  /** From the next fetch on, the issuer has a key more. */
  exchangeKeys(): Promise<void>;
}

export async function startTarget(plan: ServePlan): Promise<Target> {
  const child = spawn(process.execPath, [...flags, script, JSON.stringify(plan)], {
    env: { ...process.env, ...malloc },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = linesOf(child);
  const first = await lines();
  const { grpc, http } = JSON.parse(first) as { grpc: number; http: number };
  const command = async (name: string) => {
    child.stdin.write(`${name}\n`);
    await lines();
  };
  return {
    grpc,
    http,
    pid: child.pid as number,
    change: () => command('change'),
    exchangeKeys: () => command('new-keys'),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}

function linesOf(child: ChildProcess): () => Promise<string> {
  let text = '';
  let wake = () => {};
  let hasEnded = false;
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString();
    wake();
  });
  child.once('exit', () => {
    hasEnded = true;
    wake();
  });
  return async () => {
    for (;;) {
      const end = text.indexOf('\n');
      if (end !== -1) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return line;
      }
      if (hasEnded) throw new Error('the process under load ended');
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}

/** What to send, again and again. */
export interface Load {
  readonly url: (target: Target) => string;
  readonly args: readonly string[];
  readonly body?: Buffer;
}

export interface Measured {
  /** Answers a second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Microseconds of the server's CPU for each answer. */
  readonly cpu: number;
  /** MiB. */
  readonly rss: number;
  /** Wall time of the first question, ms. */
  readonly beganAt: number;
  /** Start (ms since the first) and latency (ms) of each. */
  readonly samples: readonly (readonly [startedAt: number, ms: number])[];
}

export const clients = 8;

/** One run. With `rps` the load is open: questions come at that rate whatever the answers do. */
export async function run(
  target: Target,
  load: Load,
  {
    seconds,
    rps,
    streams = 64,
  }: { readonly seconds: number; readonly rps?: number; readonly streams?: number },
): Promise<Measured> {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-load-'));
  try {
    const log = join(scratch, 'log');
    const args = ['-c', String(clients), '-m', String(streams), '-D', String(seconds), '--warm-up-time', '1'];
    if (rps !== undefined) args.push(`--rps=${Math.max(1, Math.round(rps / clients))}`);
    if (load.body !== undefined) {
      writeFileSync(join(scratch, 'body'), load.body);
      args.push('-d', join(scratch, 'body'));
    }
    args.push(`--log-file=${log}`, ...load.args, load.url(target));
    const processes = [target.pid, ...childrenOf(target.pid)];
    const before = sum(processes.map(cpuOf));
    await h2load(args);
    const used = sum(processes.map(cpuOf)) - before;
    const rows = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').map(Number));
    // What was on its way when the time was over has no answer.
    const answered = rows.filter(([, code]) => (code as number) > 0);
    const bad = answered.find(([, code]) => code !== 200);
    if (bad !== undefined) throw new Error(`an answer was ${bad[1]}, not 200`);
    const begin = Math.min(...answered.slice(0, 1_000).map(([at]) => at as number));
    const samples = answered.map(
      ([at, , us]) => [((at as number) - begin) / 1_000, (us as number) / 1_000] as const,
    );
    const ms = samples.map(([, one]) => one);
    return {
      rate: samples.length / seconds,
      p50: percentile(ms, 0.5),
      p95: percentile(ms, 0.95),
      p99: percentile(ms, 0.99),
      // The log leaves the second of warming up out; the process's time has it.
      cpu: (used * seconds) / (seconds + 1) / samples.length,
      rss: sum(processes.map(rssOf)),
      beganAt: begin / 1_000,
      samples,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function h2load(args: readonly string[]): Promise<void> {
  const program = findTool('h2load');
  if (program === undefined) throw new Error('h2load is not installed');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (part: Buffer) => (text += part.toString()));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`h2load ended with ${code}: ${text}`)),
    );
  });
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(/\s+/).map(Number);
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** User and system time of a process so far, in microseconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

function rssOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}
