import type { BenchRow } from './bench.ts';

const number = (n: number | undefined) =>
  n === undefined ? '-' : n >= 1000 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2);

export function formatRows(rows: readonly BenchRow[]): string {
  const cells = [
    ['BENCH', 'NAME', 'VALUE', 'UNIT', 'FLOOR', 'RATIO'],
    ...rows.map((row) => [
      row.bench,
      row.name,
      number(row.value),
      row.unit,
      number(row.floor),
      number(row.ratio),
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0))) ?? [];
  return cells
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
