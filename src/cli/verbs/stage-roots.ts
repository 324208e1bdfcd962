import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type StagedStep, stageRoots } from '../../app/stage-roots.ts';
import { apiVersion } from '../frame/output.ts';
import type { Frame, VerbContext } from '../frame/verb.ts';

interface Options {
  readonly from: string;
  readonly to: string;
  readonly out: string;
}

/** What to do with each step, and when: a server that is not there cannot be asked. */
const advice: Readonly<Record<string, string>> = {
  '1-publish':
    'now: put it into place; the server goes on signing as before, and gives both roots to everyone',
  '2-activate':
    'when `castellan rotate plan root` names nobody who blocks, and the longest certificate lifetime has passed since 1: put it into place',
  '3-retire':
    'when the longest certificate lifetime has passed since 2: put it into place; the old root is gone',
};

function print({ out, style }: VerbContext, steps: readonly StagedStep[]): void {
  const told = steps.map((step) => ({ ...step, when: advice[step.name] ?? '' }));
  if (out.isStructured) {
    out.document({ apiVersion, kind: 'StagedRoots', steps: told });
    return;
  }
  out.line(`${style.ok} ${told.length} steps, each a whole set as it is plugged in`);
  for (const { directory, roots, signsBelow, when } of told) {
    out.line(
      `  ${directory}: ${roots} root${roots === 1 ? '' : 's'}, signs below ${signsBelow.slice(0, 16)}`,
    );
    out.line(`    ${when}`);
  }
  out.line('  they hold private keys: remove the directory when the last step is in place');
}

/** Works on files alone, so that it can be done where the keys are. */
export function addStageRoots(command: Command, frame: Frame): void {
  command
    .command('stage')
    .description(
      'makes the steps from a plugged-in CA to one under other roots, to be put into place one by one',
    )
    .requiredOption('--from <dir>', 'what is plugged in now')
    .requiredOption('--to <dir>', 'what shall be plugged in')
    .requiredOption('--out <dir>', 'where the steps go; must not be there yet')
    .action(
      frame.action<Options>(async (context, _, { from, to, out }) => {
        const { io } = context;
        const path = (name: string) => resolve(io.cwd, name);
        const steps = await stageRoots({ from: path(from), to: path(to), out: path(out), now: io.now() });
        print(context, steps);
        return undefined;
      }),
    );
}
