import type { BenchRow, Trace } from './bench.ts';

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
  const lines = cells.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    ...lines,
    ...rows.flatMap(({ name, unit, trace }) => (trace ? ['', formatTrace(name, unit, trace)] : [])),
  ].join('\n');
}

const blocks = '▁▂▃▄▅▆▇█';

/** A column a window, its height a share of the highest; a bar stands before what happened. */
function draw({ values, events }: Trace): string {
  const highest = Math.max(...values.filter((value) => !Number.isNaN(value)));
  const columns = values.map((value, i) => {
    const block = Number.isNaN(value) ? ' ' : blocks[Math.round((value / highest) * (blocks.length - 1))];
    return events[i] === undefined ? block : `|${block}`;
  });
  return `${columns.join('')} (█ is ${number(highest)})`;
}

/** One number a window, and what happened before it. */
function formatTrace(name: string, unit: string, trace: Trace): string {
  const { everyMs, values, events } = trace;
  const words = values.map((value, i) => (events[i] === undefined ? '' : `[${events[i]}] `) + number(value));
  return `${name}, each ${everyMs} ms (${unit}): ${words.join(' ')}\n${draw(trace)}`;
}
