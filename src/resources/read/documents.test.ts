import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDocuments, type TextFormat } from './documents.ts';
import { nodeAt, type PositionedNode } from './node.ts';

const read = (text: string, format: TextFormat = 'yaml') => readDocuments(text, { file: 'a.yaml', format });
const codes = (text: string, format: TextFormat = 'yaml') => read(text, format).findings.map((f) => f.code);

describe('positions', () => {
  test('every value knows its file, line, column and field path', () => {
    const { documents, findings } = read(
      '# a comment\nspec:\n  rules:\n  - from:\n    - source: {}\n    - source:\n        principals: [a, "b c"]\n',
    );
    expect(findings).toEqual([]);
    const root = documents[0]?.root as PositionedNode;
    const node = nodeAt(root, ['spec', 'rules', 0, 'from', 1, 'source', 'principals', 1]);
    expect({ file: node.file, line: node.line, column: node.column, path: node.path }).toEqual({
      file: 'a.yaml',
      line: 7,
      column: 25,
      path: 'spec.rules[0].from[1].source.principals[1]',
    });
    expect(node.kind === 'scalar' && node.value).toBe('b c');
  });

  test('a finding in a later document of the stream counts lines from the start of the file', () => {
    const { findings, documents } = read('a: 1\n---\nb: 1\n# x\nb: 2\n---\nc: 3\n');
    expect(documents.map((d) => d.root.toPlain())).toEqual([{ a: 1 }, { c: 3 }]);
    expect(findings).toMatchObject([{ code: 'CAS0906', line: 5, column: 1, path: 'b', file: 'a.yaml' }]);
  });

  test('a JSON stream has positions too', () => {
    const { documents, findings } = read('{"a":1}\n{"b":\n  [true, {"c": null}]}', 'json');
    expect(findings).toEqual([]);
    const node = nodeAt(documents[1]?.root as PositionedNode, ['b', 1, 'c']);
    expect([node.line, node.column, node.path]).toEqual([3, 16, 'b[1].c']);
  });

  test('names with dots and slashes stand in brackets in a path', () => {
    const { documents } = read('metadata: {labels: {a.b/c: x}}');
    expect(nodeAt(documents[0]?.root as PositionedNode, ['metadata', 'labels', 'a.b/c']).path).toBe(
      'metadata.labels["a.b/c"]',
    );
  });
});

describe('what is refused', () => {
  test('an alias bomb is refused at its first anchor, without being expanded (adv:P01)', () => {
    let bomb = 'a0: &a0 [x]\n';
    for (let i = 1; i <= 9; i++)
      bomb += `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(',')}]\n`;
    expect(read(bomb).findings).toMatchObject([{ code: 'CAS0904', line: 1, column: 5 }]);
    expect(codes('a: *b\n')).toEqual(['CAS0904']);
    expect(codes(`&a [${'*a,'.repeat(300_000)}*a]`)).toEqual(['CAS0904']);
  });

  test.each([
    ['a merge key', 'a: 1\n<<: {b: 2}\n'],
    ['a program tag', 'a: !!js/function "x"\n'],
    ['a binary tag', 'a: !!binary aGk=\n'],
    ['a timestamp tag', 'a: !!timestamp 2001-01-01\n'],
    ['a local tag', 'a: !foo b\n'],
    ['the non-specific tag', 'a: ! b\n'],
    ['a YAML 1.1 directive', '%YAML 1.1\n---\na: no\n'],
    ['a tag directive', '%TAG ! tag:x,2000:\n---\na: b\n'],
  ])('%s is refused (adv:P02)', (_name, text) => {
    expect(codes(text)).toEqual(['CAS0905']);
  });

  test('a star or an ampersand inside text is no alias', () => {
    expect(read('a: "*"\nb: x*\nc: a&b\nd: |\n  *x\n  &y !z\n').documents[0]?.root.toPlain()).toEqual({
      a: '*',
      b: 'x*',
      c: 'a&b',
      d: '*x\n&y !z\n',
    });
  });

  test.each([
    ['YAML', 'a: 1\nb: 2\na: 3\n', 'yaml', 3],
    ['a YAML flow map', '{a: 1,\n "a": 3}\n', 'yaml', 2],
    ['JSON', '{"a": 1,\n"a": 2}', 'json', 2],
    ['an escaped JSON name', '{"a": 1,\n"\\u0061": 2}', 'json', 2],
  ] as const)('a duplicate key in %s is refused with its line (adv:P03)', (_name, text, format, line) => {
    expect(read(text, format).findings).toMatchObject([{ code: 'CAS0906', line }]);
  });

  test.each(['__proto__', 'constructor', 'prototype'])(
    'the key `%s` is refused in both formats (adv:P07)',
    (name) => {
      expect(codes(`a: {${name}: 1}`)).toEqual(['CAS0907']);
      expect(codes(`{"a": {"${name}": 1}}`, 'json')).toEqual(['CAS0907']);
    },
  );

  test.each([
    ['a document of 10 MB', `a: ${'x'.repeat(10_000_000)}\n`, 'CAS0902'],
    ['10,000 documents', '---\na: 1\n'.repeat(10_000), 'CAS0902'],
    ['10,000 levels in flow style', `a: ${'['.repeat(10_000)}`, 'CAS0902'],
    ['65 levels in flow style', `${'['.repeat(65)}${']'.repeat(65)}`, 'CAS0902'],
    [
      '1,000 levels in block style',
      Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
      'CAS0902',
    ],
    ['10,000 levels of sequence marks', '- '.repeat(10_000), 'CAS0902'],
    ['a NUL', 'a: "x\0y"\n', 'CAS0901'],
    ['a lone carriage return', 'a: 1\rb: 2\n', 'CAS0901'],
    ['half a surrogate pair', 'a: \ud800\n', 'CAS0901'],
  ])('%s is refused (adv:P06)', (_name, text, code) => {
    expect(codes(text)).toEqual([code]);
  });

  test('JSON nested 10,000 deep is refused, not recursed into (adv:P06)', () => {
    expect(codes('['.repeat(10_000), 'json')).toEqual(['CAS0902']);
    expect(codes(`${'['.repeat(64)}${']'.repeat(64)}`, 'json')).toEqual([]);
  });

  test('UTF-16 and broken UTF-8 are refused; a byte order mark and CRLF are read past (adv:P06)', () => {
    const bytes = (...b: number[]) => readDocuments(Uint8Array.from(b), { file: 'a.yaml' });
    expect(bytes(0xff, 0xfe, 0x61, 0).findings).toMatchObject([{ code: 'CAS0901' }]);
    expect(bytes(0xfe, 0xff, 0, 0x61).findings).toMatchObject([{ code: 'CAS0901' }]);
    expect(bytes(0x61, 0x3a, 0x20, 0xc3, 0x28).findings).toMatchObject([{ code: 'CAS0901' }]);
    expect(bytes(0x61, 0, 0x3a, 0).findings).toMatchObject([{ code: 'CAS0901' }]);
    expect(bytes(0xef, 0xbb, 0xbf, 0x61, 0x3a, 0x20, 0x31).documents[0]?.root.toPlain()).toEqual({ a: 1 });
    expect(read('a: 1\r\nb: "x"\r\n').documents[0]?.root.toPlain()).toEqual({ a: 1, b: 'x' });
  });

  test('what is no JSON says where (adv:P03)', () => {
    for (const text of [
      '{"a":01}',
      '{"a":1,}',
      '[1 2]',
      "{'a':1}",
      '{"a":NaN}',
      '{"a":1e999}',
      '"\\x"',
      'tru',
      '{"a"',
    ])
      expect(read(text, 'json').findings).toMatchObject([{ code: 'CAS0903', line: 1 }]);
  });
});

describe('YAML 1.2 core', () => {
  test('the booleans and times of YAML 1.1 are text (adv:P05)', () => {
    expect(
      read('[no, on, yes, y, 12:30, 1_000, true, 0o17, 1e3, 0777]').documents[0]?.root.toPlain(),
    ).toEqual(['no', 'on', 'yes', 'y', '12:30', '1_000', true, 15, 1000, 777]);
  });

  test('markers of documents end a document wherever they stand; comments are no document', () => {
    const { documents } = read('# only a comment\n---\n# another\n---\na: |\n  x\n---\nb: 1\n...\n# end\n');
    expect(documents.map((d) => d.root.toPlain())).toEqual([{ a: 'x\n' }, { b: 1 }]);
  });

  test('auto reads JSON where it is JSON, and flow YAML where it is not', () => {
    expect(read('{"a": 1}{"b": 2}', 'auto').documents.length).toBe(2);
    expect(read('{"a": 1, b: 2}', 'auto').documents[0]?.root.toPlain()).toEqual({ a: 1, b: 2 });
  });
});

describe('properties', () => {
  const nasty = fc.string({
    unit: fc.constantFrom(
      ...'ab:-?[]{},&*!|>\'"%@` \n\t#.~<0\\\u2028\u00e9'.split(''),
      '---\n',
      '...\n',
      '  ',
    ),
    maxLength: 60,
  });

  test('reading never throws, whatever the text', () => {
    for (const format of ['yaml', 'json', 'auto'] as const)
      fc.assert(
        fc.property(fc.oneof(nasty, fc.string({ unit: 'binary' })), (text) => {
          const { documents, findings } = read(text, format);
          for (const finding of findings) expect(finding.line).toBeGreaterThan(0);
          for (const document of documents) expect(document.root.end).toBeLessThanOrEqual(text.length);
        }),
        { numRuns: 100 },
      );
  });

  test('the text at the position of a quoted value is that value', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 12 }), { maxKeys: 4 }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        (values) => {
          const text = JSON.stringify(values, null, 2);
          for (const format of ['json', 'yaml'] as const) {
            const root = read(text, format).documents[0]?.root;
            if (root?.kind !== 'list') throw new Error('a list was written');
            expect(root.toPlain()).toEqual(values);
            const lines = text.split('\n');
            for (const item of root.items)
              for (const { value } of item.kind === 'map' ? item.entries : [])
                expect(lines[value.line - 1]?.slice(value.column - 1)).toMatch(/^"/);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
