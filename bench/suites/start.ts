/** From the command to the first `ready`: what a restart costs the people who wait for certificates. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bin, freePorts } from '../../test/support/cli-process.ts';
import { against, type Bench, type Figure, median } from '../support/bench.ts';
import { cpuMicrosOf } from '../support/process-figures.ts';

const rounds = 7;

export const bench: Bench = async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-bench-start-'));
  try {
    const stateDir = join(scratch, 'state');
    await timeToReady(stateDir);
    const [alone, again, fresh]: [Ready[], Ready[], Ready[]] = [[], [], []];
    const bare: number[] = [];
    for (let round = 0; round < rounds; round++) {
      bare.push(await timeOfNothing());
      alone.push(await timeToReady(stateDir, 'server'));
      again.push(await timeToReady(stateDir));
      fresh.push(await timeToReady(join(scratch, `fresh-${round}`)));
    }
    const cold = await timeToReady(stateDir, 'up', { NODE_COMPILE_CACHE: join(scratch, 'cache') });
    const floor = median(bare);
    const rows = (name: string, of: readonly Ready[]): Figure[] => [
      against(floor, {
        name: `start to ready, ${name}`,
        value: median(of.map((one) => one.wall)),
        unit: 'ms',
      }),
      { name: `CPU until ready, ${name}`, value: median(of.map((one) => one.cpu)), unit: 'ms' },
    ];
    return [
      { name: 'floor: Node starts and ends', value: floor, unit: 'ms' },
      ...rows('`server`, state directory there', alone),
      ...rows('`up` with its agent, state directory there', again),
      ...rows('new authority made', fresh),
      ...rows('nothing compiled yet', [cold]),
    ];
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

/** Milliseconds: by the clock, and of CPU, which other programs on the machine do not stretch. */
interface Ready {
  readonly wall: number;
  readonly cpu: number;
}

/** From the command to the first 200 of /readyz. */
async function timeToReady(
  stateDir: string,
  verb: 'server' | 'up' = 'up',
  more: Readonly<Record<string, string>> = {},
): Promise<Ready> {
  const began = performance.now();
  const child = spawn(process.execPath, [bin, verb, '--state-dir', stateDir], {
    env: { ...process.env, ...freePorts, ...more },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const file = join(stateDir, 'endpoints.json');
  while (!(existsSync(file) && (await isReady(file)))) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const took = { wall: performance.now() - began, cpu: cpuMicrosOf(child.pid as number) / 1000 };
  child.kill('SIGTERM');
  await ended;
  return took;
}

async function isReady(endpointsFile: string): Promise<boolean> {
  try {
    const { observability } = JSON.parse(readFileSync(endpointsFile, 'utf8')) as { observability: string };
    return (await fetch(`http://${observability}/readyz`)).ok;
  } catch {
    return false;
  }
}

async function timeOfNothing(): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve));
  return performance.now() - began;
}
