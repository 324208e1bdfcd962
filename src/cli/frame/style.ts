import { styleText } from 'node:util';
import type { Io } from './io.ts';

export type ColorChoice = 'auto' | 'always' | 'never';

/** Colour is never the only signal: each mark is a symbol, in ASCII where the terminal may not show others. */
export interface Style {
  readonly ok: string;
  readonly bad: string;
  readonly warning: string;
  readonly skipped: string;
  readonly arrow: string;
  readonly ellipsis: string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

function wantsColor(choice: ColorChoice, io: Io, isTerminal: boolean): boolean {
  if (choice !== 'auto') return choice === 'always';
  const { NO_COLOR, FORCE_COLOR, TERM } = io.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '' && FORCE_COLOR !== '0') return true;
  return isTerminal && TERM !== 'dumb';
}

function wantsSymbols(io: Io, isTerminal: boolean): boolean {
  const { LC_ALL, LC_CTYPE, LANG, NO_COLOR, TERM } = io.env;
  if (!isTerminal || TERM === 'dumb' || (NO_COLOR !== undefined && NO_COLOR !== '')) return false;
  return /utf-?8/i.test(LC_ALL ?? LC_CTYPE ?? LANG ?? '');
}

export function styleFor(choice: ColorChoice, io: Io, isTerminal: boolean): Style {
  const colors = wantsColor(choice, io, isTerminal);
  const symbols = wantsSymbols(io, isTerminal);
  const paint = (format: Format) => (text: string) =>
    colors ? styleText(format, text, { validateStream: false }) : text;
  const green = paint('green');
  const red = paint('red');
  const yellow = paint('yellow');
  return {
    ok: green(symbols ? '✔' : 'ok'),
    bad: red(symbols ? '✘' : 'no'),
    warning: yellow(symbols ? '⚠' : 'warning:'),
    skipped: symbols ? '–' : '-',
    arrow: symbols ? '→' : '->',
    ellipsis: symbols ? '…' : '...',
    bold: paint('bold'),
    dim: paint('dim'),
    red,
    green,
    yellow,
  };
}
