/** `node scripts/nightly.ts`: what takes too long for every change. Ends with `N passed, N failed`. */
import { runStep, type Step } from './steps.ts';

const steps: readonly Step[] = [
  { name: 'mutation testing of the policy evaluator', command: ['node', 'scripts/mutation.ts'] },
];

const results = steps.map((step) => runStep(step, { quiet: false }));
const failed = results.filter((ok) => !ok).length;
console.log(`${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
