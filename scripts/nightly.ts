/**
 * `node scripts/nightly.ts [WORD…]`: what takes too long for every change (the steps whose name has a word, default
 * all). Ends with `N passed, N failed`.
 */
import { runStep, type Step } from './steps.ts';

const vitest = (file: string): Step['command'] => ['vitest', 'run', '--project', 'system', file];

const steps: readonly Step[] = [
  {
    name: 'kill -9 under load, 100 rounds',
    command: vitest('test/e2e/kill-sweep.test.ts'),
    env: { CASTELLAN_KILL_ROUNDS: '100' },
  },
  {
    name: 'kill the store at random, 100 rounds',
    command: vitest('test/integration/store/crash.test.ts'),
    env: { CASTELLAN_KILL_ROUNDS: '100' },
  },
  {
    name: 'chains against openssl, 3,000 drawn',
    command: vitest('test/integration/x509-path-differential.test.ts'),
    env: { CASTELLAN_PATH_RUNS: '3000' },
  },
  { name: 'mutation testing of the policy evaluator', command: ['node', 'scripts/mutation.ts'] },
];

const words = process.argv.slice(2);
const chosen = steps.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const results = chosen.map((step) => runStep(step, { quiet: false }));
const failed = results.filter((ok) => !ok).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && results.length > 0 ? 0 : 1;
