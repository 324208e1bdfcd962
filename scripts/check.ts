/** `npm run check`: types, lint, format, floors, unit tests. What CI runs first. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, runStep, type Step } from './steps.ts';

const steps: readonly Step[] = [
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'bench', 'scripts'] },
  { name: 'format', command: ['biome', 'check', '--linter-enabled=false'] },
  {
    name: 'floors',
    command: ['depcruise', '--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'src'],
  },
  { name: 'unit tests', command: ['vitest', 'run', '--project', 'unit', '--reporter=dot'] },
];

/** The floor rules must still bite: the planted violation has to be reported. */
function floorRulesBite(): boolean {
  const run = spawnSync(
    join(root, 'node_modules', '.bin', 'depcruise'),
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'err', 'test/floors/src'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, FLOORS_ROOT: 'test/floors/src' } },
  );
  const reported = ['floor-3-imports-down', 'pure-floors-do-no-io'].filter((rule) =>
    run.stdout.includes(rule),
  );
  const ok = run.status !== 0 && reported.length === 2;
  console.log(`${ok ? 'ok  ' : 'FAIL'} floors self-test (planted violation is reported)`);
  if (!ok) console.log(run.stdout, run.stderr);
  return ok;
}

const results = steps.map((step) => runStep(step, { quiet: true }));
results.push(floorRulesBite());
const failed = results.filter((ok) => !ok).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
