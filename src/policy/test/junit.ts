import type { CaseResult } from './model.ts';

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const escape = (text: string) =>
  text.replace(/[&<>"']/g, (c) => escapes[c] as string).replace(/[\x00-\x08\x0b\x0c\x0e-\x1f]/g, '�');

/** The results in the XML that CI systems read: a suite per test, a case per case and mode. */
export function formatJunit(results: readonly CaseResult[]): string {
  const suites = Map.groupBy(results, (result) => result.test);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>'];
  const failures = results.filter((result) => !result.passed).length;
  lines.push(`<testsuites name="castellan test" tests="${results.length}" failures="${failures}">`);
  for (const [name, cases] of suites) {
    const failed = cases.filter((one) => !one.passed).length;
    lines.push(`  <testsuite name="${escape(name)}" tests="${cases.length}" failures="${failed}">`);
    for (const one of cases) lines.push(...junitCase(one));
    lines.push('  </testsuite>');
  }
  return `${lines.join('\n')}\n</testsuites>\n`;
}

function junitCase(one: CaseResult): string[] {
  const name = one.mode === 'strict' ? `${one.name} [strict]` : one.name;
  const head = `    <testcase classname="${escape(one.test)}" name="${escape(name)}" file="${escape(one.file)}" line="${one.line}"`;
  if (one.passed) return [`${head}/>`];
  const text = escape(one.problems.join('\n'));
  return [
    `${head}>`,
    `      <failure message="${escape(one.problems[0] ?? '')}">${text}</failure>`,
    '    </testcase>',
  ];
}
