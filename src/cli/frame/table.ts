import { displayWidth, printable } from './width.ts';

export interface Column<T> {
  /** Printed UPPERCASE. */
  readonly header: string;
  readonly cell: (item: T) => string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  /** Columns with a higher number are dropped first when the line is too long; 0 (the default) is never dropped. */
  readonly drop?: number;
  readonly alignRight?: boolean;
  /** Its text may be cut, with `...`, when dropping columns was not enough. */
  readonly shrink?: boolean;
}

export interface TableOptions {
  readonly columns: number;
  readonly headers: boolean;
  readonly wide: boolean;
}

const gap = 3;

/** A table without borders. It fits its width by leaving columns out, never by wrapping. */
export function formatTable<T>(
  columns: readonly Column<T>[],
  items: readonly T[],
  options: TableOptions,
): string {
  const rendered = columns
    .filter((column) => options.wide || column.wide !== true)
    .map((column) => {
      const header = column.header.toUpperCase();
      const cells = items.map((item) => printable(column.cell(item)));
      const shown = options.headers ? [header, ...cells] : cells;
      return { column, shown, width: Math.max(0, ...shown.map(displayWidth)) };
    });
  const kept = options.wide ? rendered : shrink(fit(rendered, options.columns), options.columns);
  const lines = (kept[0]?.shown ?? []).map((_, row) =>
    kept
      .map(({ column, shown, width }) => pad(shown[row] ?? '', width, column.alignRight === true))
      .join(' '.repeat(gap))
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}

interface Rendered {
  readonly column: { readonly drop?: number; readonly shrink?: boolean };
  readonly shown: readonly string[];
  readonly width: number;
}

const mark = '...';
const narrowest = 12;

function shrink<R extends Rendered>(rendered: readonly R[], limit: number): readonly R[] {
  const over = lineWidth(rendered) - limit;
  if (over <= 0) return rendered;
  return rendered.map((one) => {
    if (one.column.shrink !== true) return one;
    const width = Math.max(narrowest, one.width - over);
    return { ...one, width, shown: one.shown.map((text) => cut(text, width)) };
  });
}

function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (displayWidth(kept + character) > width - mark.length) break;
    kept += character;
  }
  return kept + mark;
}

function fit<R extends Rendered>(rendered: readonly R[], limit: number): readonly R[] {
  let kept = rendered;
  while (lineWidth(kept) > limit) {
    const last = Math.max(0, ...kept.map(({ column }) => column.drop ?? 0));
    if (last === 0) break;
    kept = kept.filter(({ column }) => (column.drop ?? 0) !== last);
  }
  return kept;
}

function lineWidth(rendered: readonly Rendered[]): number {
  return rendered.reduce((sum, { width }) => sum + width, 0) + gap * Math.max(0, rendered.length - 1);
}

function pad(text: string, width: number, alignRight: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return alignRight ? blanks + text : text + blanks;
}
