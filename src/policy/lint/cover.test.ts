import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AuthorizationPolicy, parseResources } from '../../resources/index.ts';
import { coversPattern, coversRule, excludesItself } from './cover.ts';
import { CoverIndex } from './cover-index.ts';
import { lint } from './index.ts';

/** Istio's string match, straight from policy.md 3.6. */
function matches(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return value === pattern;
}

function rule(text: string) {
  const { resources, findings } = parseResources(
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\nspec: {rules: [${text}]}`,
    { file: 'a.yaml' },
  );
  expect(findings.filter((finding) => finding.severity === 'error')).toEqual([]);
  return { rule: (resources[0] as AuthorizationPolicy).spec.rules[0]!, namespace: 'shop' };
}
const covers = (wide: string, narrow: string) => coversRule(rule(wide), rule(narrow));
const source = (text: string) => `{from: [{source: {${text}}}]}`;

describe('which rule is wider', () => {
  test.each([
    ['an empty rule covers any', '{}', source('namespaces: [a]'), true],
    ['nothing but an empty rule covers an empty one', source('namespaces: ["*"]'), '{}', false],
    [
      'a prefix covers what begins like it',
      source('principals: ["a/*"]'),
      source('principals: ["a/b", "a/c*"]'),
      true,
    ],
    [
      'a suffix covers what ends like it',
      source('principals: ["*/b"]'),
      source('principals: ["a/b", "*c/b"]'),
      true,
    ],
    ['a prefix does not cover a suffix', source('principals: ["a*"]'), source('principals: ["*a"]'), false],
    [
      'a field more is narrower',
      source('namespaces: [a]'),
      source('namespaces: [a], ipBlocks: [10.0.0.1]'),
      true,
    ],
    [
      'a field less is wider',
      source('namespaces: [a], ipBlocks: [10.0.0.1]'),
      source('namespaces: [a]'),
      false,
    ],
    [
      'a range covers a smaller range',
      source('ipBlocks: [10.0.0.0/8]'),
      source('ipBlocks: [10.1.0.0/16, 10.2.3.4]'),
      true,
    ],
    [
      'an account is of the policy’s namespace',
      source('serviceAccounts: [shop/web]'),
      source('serviceAccounts: [web]'),
      true,
    ],
    [
      'an exclusion must be made by both',
      source('notNamespaces: [b]'),
      source('notNamespaces: [b, c]'),
      true,
    ],
    ['an exclusion more is narrower', source('notNamespaces: [b, c]'), source('notNamespaces: [b]'), false],
    [
      'who asks for another never meets the exclusion',
      source('notNamespaces: [b]'),
      source('namespaces: [c]'),
      true,
    ],
    ['who asks for the excluded meets it', source('notNamespaces: [b]'), source('namespaces: [b]'), false],
    [
      'hosts have no case',
      '{to: [{operation: {hosts: ["*.A.b"]}}]}',
      '{to: [{operation: {hosts: ["x.a.B"]}}]}',
      true,
    ],
    ['paths have', '{to: [{operation: {paths: ["/A*"]}}]}', '{to: [{operation: {paths: ["/a"]}}]}', false],
    [
      'a template covers itself only',
      '{to: [{operation: {paths: ["/a/{*}"]}}]}',
      '{to: [{operation: {paths: ["/a/{*}"]}}]}',
      true,
    ],
    [
      'a prefix does not cover a template',
      '{to: [{operation: {paths: ["/a/*"]}}]}',
      '{to: [{operation: {paths: ["/a/{*}"]}}]}',
      false,
    ],
    [
      'every condition of the wide one is needed',
      '{when: [{key: source.ip, values: [10.0.0.0/8]}]}',
      '{when: [{key: source.ip, values: [10.0.0.1]}, {key: connection.sni, values: [a]}]}',
      true,
    ],
    [
      'a condition more is narrower',
      '{when: [{key: source.ip, values: [10.0.0.1]}, {key: connection.sni, values: [a]}]}',
      '{when: [{key: source.ip, values: [10.0.0.1]}]}',
      false,
    ],
  ])('%s', (_sentence, wide, narrow, expected) => {
    expect(covers(wide, narrow)).toBe(expected);
  });

  test('a pattern covers another only if it matches whatever the other matches', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 });
    const pattern = fc
      .oneof(
        text,
        text.map((t) => `${t}*`),
        text.map((t) => `*${t}`),
      )
      .filter((t) => t !== '');
    fc.assert(
      fc.property(pattern, pattern, text, (wide, narrow, value) => {
        if (coversPattern(wide, narrow) && matches(narrow, value)) expect(matches(wide, value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('a rule that excludes what it asks for is seen, and no other', () => {
    expect(excludesItself(rule(source('namespaces: [a], notNamespaces: ["*"]')))).toBe(true);
    expect(excludesItself(rule(source('namespaces: [a, b], notNamespaces: [a]')))).toBe(false);
    expect(
      excludesItself(rule('{when: [{key: source.ip, values: [10.0.0.1], notValues: [10.0.0.0/8]}]}')),
    ).toBe(true);
  });
});

describe('bounds', () => {
  const manyRules = (value: (i: number, j: number) => string) => {
    const policies = Array.from({ length: 4 }, (_, i) => {
      const rules = Array.from(
        { length: 200 },
        (_, j) => `  - {to: [{operation: {paths: ["${value(i, j)}"]}}]}`,
      );
      return `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p${i}}\nspec:\n  rules:\n${rules.join('\n')}\n`;
    });
    return lint(parseResources(policies.join('---\n'), { file: 'a.yaml' })).map((finding) => finding.code);
  };

  test('rules of exact values are only compared where a value is the same', () => {
    expect(manyRules((i, j) => `/p${i}/r${j}`)).toEqual([]);
    expect(manyRules((i, j) => `/p${i % 3}/r${j}`)).toEqual(Array.from({ length: 200 }, () => 'CAS0111'));
  });

  test('many rules of patterns are compared up to a limit, and the lint says where it stopped', () => {
    expect(manyRules((i, j) => `/p${i}/r${j}/*`)).toEqual(['CAS0132']);
  });

  test('the index finds every rule that covers another', () => {
    const value = fc.constantFrom('a', 'b', 'A', 'a*', '*', 'shop/a');
    const list = fc.array(value, { minLength: 1, maxLength: 2 });
    const quoted = (values: readonly string[]) => JSON.stringify(values);
    const part = fc.oneof(
      list.map((values) => source(`namespaces: ${quoted(values)}`)),
      list.map((values) => source(`principals: ${quoted(values)}, notNamespaces: [x]`)),
      list.map((values) => source(`serviceAccounts: ${quoted(values.map((v) => v.replaceAll('*', 'c')))}`)),
      list.map((values) => `{to: [{operation: {hosts: ${quoted(values)}}}, {operation: {ports: ["80"]}}]}`),
      list.map(
        (values) =>
          `{when: [{key: connection.sni, values: ${quoted(values)}}, {key: source.ip, values: [10.0.0.0/8]}]}`,
      ),
      fc.constant('{}'),
    );
    fc.assert(
      fc.property(part, part, (a, b) => {
        const [wide, narrow] = [rule(a), rule(b)];
        if (coversRule(wide, narrow)) expect([...new CoverIndex([wide]).candidates(narrow)]).toEqual([wide]);
      }),
      { numRuns: 300 },
    );
  });
});
