import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Who is told after a change. */
export interface Notice {
  readonly command: string | undefined;
  readonly pidFile: string | undefined;
  readonly signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' | 'SIGTERM' | 'SIGINT';
  readonly directory: string;
}

const longestRunMs = 60_000;

/** Runs the command and signals the process; throws what went wrong with either. */
export async function notifyChange({ command, pidFile, signal, directory }: Notice): Promise<void> {
  if (command !== undefined) await run(command, directory);
  if (pidFile === undefined) return;
  const pid = Number(readFileSync(pidFile, 'utf8').trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) throw new Error(`there is no process number in \`${pidFile}\``);
  process.kill(pid, signal);
}

/** Nothing of our own environment reaches it but where programs are. */
function run(command: string, directory: string): Promise<void> {
  const env = { PATH: process.env.PATH ?? '', CASTELLAN_FILES_DIR: directory };
  return new Promise((resolve, reject) => {
    execFile('/bin/sh', ['-c', command], { env, timeout: longestRunMs, maxBuffer: 64 * 1024 }, (error) => {
      if (error === null) resolve();
      else reject(new Error(`the command ended with ${error.code ?? error.signal ?? 'an error'}`));
    });
  });
}
