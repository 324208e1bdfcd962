import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable } from './table.ts';
import { formatAge, formatRelative } from './times.ts';
import { displayWidth, printable } from './width.ts';
import { formatYaml } from './yaml-text.ts';

describe('tables', () => {
  const columns = [
    { header: 'id', cell: (row: Row) => row.id },
    { header: 'ends', cell: (row: Row) => row.ends, drop: 1 },
    { header: 'serial', cell: (row: Row) => row.serial, drop: 2 },
    { header: 'node', cell: (row: Row) => row.node, wide: true },
  ];
  interface Row {
    id: string;
    ends: string;
    serial: string;
    node: string;
  }
  const rows: Row[] = [
    { id: 'spiffe://a/ns/shop/sa/cart', ends: 'in 3h', serial: '0a'.repeat(10), node: 'n1' },
    { id: '写真🙂', ends: 'in 12h', serial: 'ff', node: 'n2' },
  ];

  it('have upper-case headers and no borders, and columns line up by display width', () => {
    const text = formatTable(columns, rows, { columns: 80, headers: true, wide: false });
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ID +ENDS +SERIAL$/);
    const before = (line = '', mark = '') => displayWidth(line.slice(0, line.indexOf(mark)));
    expect(before(lines[2], 'in 12h')).toBe(before(lines[0], 'ENDS'));
  });

  it('fit by dropping the least needed columns, never by wrapping', () => {
    const widthOf = (limit: number) =>
      formatTable(columns, rows, { columns: limit, headers: true, wide: false })
        .split('\n')
        .map(displayWidth);
    expect(Math.max(...widthOf(50))).toBeLessThanOrEqual(50);
    expect(formatTable(columns, rows, { columns: 50, headers: true, wide: false })).not.toContain('SERIAL');
    expect(formatTable(columns, rows, { columns: 20, headers: true, wide: true })).toContain('NODE');
  });
});

describe('a long value', () => {
  it('is cut where its column may be, unless everything was asked for', () => {
    const columns = [
      { header: 'name', cell: (row: string) => row.slice(0, 3) },
      { header: 'value', cell: (row: string) => row, shrink: true },
    ];
    const options = { columns: 40, headers: true, wide: false };
    const lines = formatTable(columns, ['abcdefghij'.repeat(9), 'x'], options)
      .trimEnd()
      .split('\n');
    expect(lines.map(displayWidth)).toEqual([12, 40, 8]);
    expect(lines[1]).toMatch(/\.\.\.$/);
    expect(formatTable(columns, ['abc'.repeat(50)], { ...options, wide: true })).toContain('abc'.repeat(50));
  });
});

describe('text for a terminal', () => {
  it('shows control characters and direction overrides instead of obeying them (adv:O06)', () => {
    expect(printable('a\u001b[2Jb\r\nc\u202ed')).toBe('a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{202e}d');
  });

  it('gives times in their two largest units', () => {
    expect(
      [12, 43 * 60, 3601, 86_398, (3 * 24 + 4) * 3600, 10 * 365 * 86_400 - 2].map((s) => formatAge(s * 1000)),
    ).toEqual(['12s', '43m', '1h', '24h', '3d4h', '10y']);
    expect(formatRelative(60_000, 0)).toBe('in 1m');
    expect(formatRelative(0, 86_400_000)).toBe('24h ago');
    expect(formatRelative(5, 0)).toBe('now');
  });
});

describe('YAML output', () => {
  it('quotes what could be read as something else', () => {
    expect(formatYaml({ a: 'yes', b: '12', c: 'spiffe://x/y', d: [], e: [{ f: 1, g: [true] }] })).toBe(
      'a: "yes"\nb: "12"\nc: spiffe://x/y\nd: []\ne:\n  - f: 1\n    g:\n      - true\n',
    );
  });

  it('reads back as the same data', async () => {
    const { parse } = await import('yaml');
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(parse(formatYaml(plain))).toEqual(plain);
      }),
      { numRuns: 100 },
    );
  });
});
