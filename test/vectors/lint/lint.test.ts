import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyEdits, findingCatalogue, lint, lintCatalogue, type LintFinding } from '../../../src/policy/lint/index.ts';
import { parseResources } from '../../../src/resources/index.ts';

const directory = import.meta.dirname;
const files = readdirSync(directory).filter((name) => name.endsWith('.yaml'));

interface Vector {
  readonly sentence: string;
  readonly text: string;
  readonly expected: readonly string[];
  readonly fixed: string | undefined;
}

/** The head of a file says what it holds and what is expected: `# expect: CODE severity path [suppressed: reason]`. */
function readVector(name: string): Vector {
  const text = readFileSync(join(directory, name), 'utf8');
  const lines = (label: string) =>
    [...text.matchAll(new RegExp(`^# ${label}: (.*)$`, 'gm'))].map((found) => found[1] ?? '');
  const holds = lines('holds').join(' ');
  const fixedName = name.replace(/\.yaml$/, '.fixed');
  return {
    sentence: name.replace(/\.yaml$/, '').replaceAll('-', ' ') + (holds === '' ? '' : ` (${holds})`),
    text,
    expected: lines('expect').filter((line) => line !== 'nothing'),
    fixed: readdirSync(directory).includes(fixedName)
      ? readFileSync(join(directory, fixedName), 'utf8')
      : undefined,
  };
}

function show({ code, severity, path, suppression }: LintFinding): string {
  const line = `${code} ${severity} ${path ?? ''}`.trim();
  return suppression === undefined ? line : `${line} suppressed: ${suppression.reason}`;
}

const run = (text: string) => lint(parseResources(text, { file: 'vector.yaml' }));

describe('lint vectors', () => {
  const vectors = files.map(readVector);

  test.each(vectors.map((vector) => [vector.sentence, vector] as const))('%s', (_sentence, vector) => {
    const { text, expected, fixed } = vector;
    const findings = run(text);
    expect(findings.map(show).sort()).toEqual([...expected].sort());
    for (const finding of findings) {
      expect(finding.line).toBeGreaterThan(0);
      expect(finding.why).not.toBe('');
      expect(finding.fix).not.toBe('');
    }
    const edits = findings.flatMap((finding) => finding.edits ?? []);
    expect(applyEdits(text, edits)).toBe(fixed ?? text);
    // A fix is whole: what it fixed is not found again.
    const left = run(fixed ?? text).flatMap((finding) => finding.edits ?? []);
    expect(left).toEqual([]);
  });

  test('every code of the lint has a vector, and every vector names a code that exists', () => {
    const seen = new Set(vectors.flatMap(({ expected }) => expected.map((line) => line.split(' ')[0])));
    // CAS0132 needs more rules than a file should hold: its own unit test has them.
    expect(Object.keys(lintCatalogue).filter((code) => code !== 'CAS0132' && !seen.has(code))).toEqual([]);
    expect([...seen].filter((code) => !Object.hasOwn(findingCatalogue, code ?? ''))).toEqual([]);
  });
});
