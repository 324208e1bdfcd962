import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bin, freePorts } from './cli-process.ts';

export interface AgentProcess {
  readonly endpoints: Readonly<Record<string, string>>;
  readonly stderr: () => string;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

/** `castellan agent` as a process, until it says where its doors are; throws what it said when it ends before. */
export async function startAgent(
  { cwd, stateDir }: { readonly cwd: string; readonly stateDir: string },
  args: readonly string[],
): Promise<AgentProcess> {
  const env = { PATH: process.env.PATH ?? '', HOME: cwd, ...freePorts };
  const child = spawn(process.execPath, [bin, 'agent', '--state-dir', stateDir, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const file = join(stateDir, 'agent', 'endpoints.json');
  while (!existsSync(file)) {
    if (child.exitCode !== null) throw new Error(stderr);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const endpoints = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  return {
    endpoints,
    stderr: () => stderr,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
