import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const path = `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`;

export interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs one step with the pinned tools first on PATH; true when it exits 0. Prints its output only on failure. */
export function runStep(step: Step, options: { quiet: boolean }): boolean {
  const startedAt = performance.now();
  const [program, ...args] = step.command;
  const result = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, PATH: path, ...step.env },
    stdio: options.quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const ok = result.status === 0;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)`);
  if (!ok && options.quiet) console.log(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  if (result.error) console.log(String(result.error));
  return ok;
}
