/** docs/reference/findings.md: every finding of the reader and the lint, each with the first vector that shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findingCatalogue } from '../../src/policy/lint/index.ts';
import { root } from '../steps.ts';
import { mono, table, writeReference } from '../support/markdown.ts';

const directory = join(root, 'test', 'vectors', 'lint');

interface Example {
  readonly file: string;
  readonly text: string;
  readonly codes: readonly string[];
}

const examples: readonly Example[] = readdirSync(directory)
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map((file) => {
    const text = readFileSync(join(directory, file), 'utf8');
    const codes = [...text.matchAll(/^# expect: (CAS[0-9]{4})/gm)].map((found) => found[1] ?? '');
    return { file, codes, text: text.replace(/^# (holds|see|expect): .*\n/gm, '') };
  });

/** The example that shows least besides. */
function exampleOf(code: string): string {
  const [best] = examples
    .filter(({ codes }) => codes.includes(code))
    .sort((a, b) => a.codes.length - b.codes.length || a.text.length - b.text.length);
  if (best === undefined) return '';
  const sentence = best.file.replace(/\.yaml$/, '').replaceAll('-', ' ');
  return `\nFound in (${sentence}):\n\n\`\`\`yaml\n${best.text.trimEnd()}\n\`\`\`\n`;
}

const rows = Object.entries(findingCatalogue);
const sections = rows.map(
  ([code, { severity, title, why, fix, fixable, also }]) =>
    `## ${code}

**${title}** (${severity})

- Why it matters: ${why}.
- What to do: ${fix}.${fixable === true ? ' `castellan lint --fix` writes it.' : ''}
${also === undefined ? '' : `- See also: ${also}.\n`}${exampleOf(code)}`,
);

writeReference(
  'findings.md',
  `# Findings

What \`castellan lint\` and every door that takes resources may say. The severity is the usual one: where the same mistake
fails closed, the finding is milder. \`castellan explain CODE\` prints a row; [how to lint policies](../how-to/lint-policies.md)
tells how to fix, suppress and gate.

${table(
  ['code', 'severity', 'finding', '--fix'],
  rows.map(([code, { severity, title, fixable }]) => [
    `[${mono(code)}](#${code.toLowerCase()})`,
    severity,
    title,
    fixable === true ? 'yes' : '',
  ]),
)}
${sections.join('\n')}`,
);
