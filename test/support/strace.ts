/** strace as a fault tool: kills or fails a process at its Nth sync, and shows in which order it called the kernel. */
import { spawnSync } from 'node:child_process';

/** Undefined when this machine lets us trace; else why not. */
export const straceMissing: string | undefined = (() => {
  const run = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=none', 'true'], {
    encoding: 'utf8',
  });
  if (run.error) return 'strace is not installed';
  return run.status === 0 ? undefined : `strace does not work here: ${run.stderr.slice(0, 200)}`;
})();

/** To be called once by a test file that needs strace: nobody should think that a skipped proof was held. */
export function sayIfStraceIsMissing(what: string): void {
  if (straceMissing !== undefined) console.warn(`SKIPPED: ${what}: ${straceMissing}`);
}

/** One finished system call of a log made with `strace -f -y`. */
export interface SystemCall {
  readonly name: string;
  /** What was between the brackets, as far as strace shows it. */
  readonly text: string;
  readonly result: string;
}

/** The calls in the order in which they *ended*, except that `write` counts from where it began. */
export function readTrace(log: string): readonly SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of log.split('\n')) {
    const whole = /^(\d+) +(\w+)\((.*)\) += (-?\d+.*)$/.exec(line);
    const start = /^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$/.exec(line);
    const end = /^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+.*)$/.exec(line);
    if (whole) calls.push({ name: whole[2] ?? '', text: whole[3] ?? '', result: whole[4] ?? '' });
    else if (start && start[2] === 'write') calls.push({ name: 'write', text: start[3] ?? '', result: '?' });
    else if (start) begun.set(`${start[1]} ${start[2]}`, start[3] ?? '');
    else if (end && end[2] !== 'write')
      calls.push({
        name: end[2] ?? '',
        text: `${begun.get(`${end[1]} ${end[2]}`) ?? ''}${end[3] ?? ''}`,
        result: end[4] ?? '',
      });
  }
  return calls;
}
