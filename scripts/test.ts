/** `npm test`: every test there is. Ends with a plain line `N passed, N failed`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from './steps.ts';
import { judgeConformance, type RanTest, readCatalogue } from './support/conformance.ts';

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
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Cases that nothing holds; only a run of everything can tell. */
function countOpenCases(report: Report): number {
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(
      ({ fullName, status }): RanTest => ({
        title: fullName,
        file: relative(root, name),
        status: status === 'passed' || status === 'failed' ? status : 'skipped',
      }),
    ),
  );
  const { open, unknown } = judgeConformance(readCatalogue(), tests);
  if (open.length > 0)
    console.error(
      `cases without a passing test or a reason (test/conformance/catalogue.yaml): ${open.join(' ')}`,
    );
  for (const { id, file } of unknown)
    console.error(`${id} in ${file} is not in test/conformance/catalogue.yaml`);
  return open.length + unknown.length;
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
const isWhole = process.argv.length === 2;
const openCases = isWhole && summary !== undefined ? countOpenCases(summary) : 0;
const failed = (summary?.numFailedTests ?? 0) + broke + openCases;
console.log(`${passed} passed, ${failed} failed, ${summary?.numPendingTests ?? 0} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
