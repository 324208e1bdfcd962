/** `npm test`: every test there is. Ends with a plain line `N passed, N failed`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './steps.ts';

const scratch = mkdtempSync(join(tmpdir(), 'castellan-test-'));
const report = join(scratch, 'report.json');
const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` },
  },
);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
}

let summary: Report | undefined;
try {
  summary = JSON.parse(readFileSync(report, 'utf8')) as Report;
} catch {
  console.error('no test report was written: the runner itself failed');
}
rmSync(scratch, { recursive: true, force: true });

const passed = summary?.numPassedTests ?? 0;
const broke = run.status !== 0 && (summary?.numFailedTests ?? 0) === 0 ? 1 : 0;
const failed = (summary?.numFailedTests ?? 0) + broke;
console.log(`${passed} passed, ${failed} failed, ${summary?.numPendingTests ?? 0} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
