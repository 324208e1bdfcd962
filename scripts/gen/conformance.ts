/** docs/reference/conformance.md: each case and the tests that hold it, by the titles of the tests there are. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from '../steps.ts';
import { judgeConformance, type RanTest, readCatalogue } from '../support/conformance.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

function listTests(): readonly RanTest[] {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-list-'));
  const file = join(scratch, 'tests.json');
  try {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const run = spawnSync(process.execPath, [vitest, 'list', `--json=${file}`], {
      cwd: root,
      encoding: 'utf8',
    });
    if (run.status !== 0) throw new Error(`vitest list failed:\n${run.stdout}${run.stderr}`);
    const listed = JSON.parse(readFileSync(file, 'utf8')) as { name: string; file: string }[];
    return listed.map((one) => ({ title: one.name, file: relative(root, one.file), status: 'passed' }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const catalogue = readCatalogue();
const { held } = judgeConformance(catalogue, listTests());
const sections = Object.entries(Object.groupBy(catalogue, ({ source }) => source)).map(
  ([source, cases = []]) => {
    const rows = cases.map(({ id, text, reason }) => {
      const files = [...new Set((held.get(id) ?? []).map(({ file }) => file))].sort();
      const holders =
        files.length > 0 ? files.map((file) => mono(file)).join(', ') : `none: ${reason ?? 'missing'}`;
      return [mono(id), text, holders];
    });
    return `## ${cases[0]?.sourceTitle ?? source}\n\n${table(['case', 'what must come of it', 'held by'], rows)}`;
  },
);

writeReference(
  'conformance.md',
  `# Conformance

Every case that this project answers for, and the tests whose titles carry its id. \`npm test\` fails for a case that no passing test holds and that has no written reason.

${sections.join('\n')}`,
);
