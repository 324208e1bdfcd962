import { styleText } from 'node:util';
import type { LogFields, Logger } from '../../base/logger.ts';
import type { ClosableLogger, LoggerOptions, LogLevel } from './json-logger.ts';
import { redactFields, redactText } from './redact.ts';

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const paint = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const;

/** Lines for people at a terminal: `10:14:03 info  ca  intermediate renewed  serial=3c1f`. */
export function textLogger(
  write: (line: string) => void,
  options: Pick<LoggerOptions, 'level' | 'scopes'> & { readonly colors: boolean },
): ClosableLogger {
  return Object.assign(scopeOf(write, options, 'default'), { close: () => undefined });
}

type TextOptions = Parameters<typeof textLogger>[1];

function scopeOf(write: (line: string) => void, options: TextOptions, scope: string): Logger {
  const least = ranks[options.scopes[scope] ?? options.level];
  const print =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ranks[level] < least) return;
      const name = level.padEnd(5);
      const shown = options.colors ? styleText(paint[level], name, { validateStream: false }) : name;
      const time = new Date().toISOString().slice(11, 19);
      const rest = Object.entries(redactFields(fields)).map(([key, value]) => `${key}=${textOf(value)}`);
      write(`${[`${time} ${shown} ${scope}`, visible(redactText(message)), ...rest].join('  ')}\n`);
    };
  return {
    debug: print('debug'),
    info: print('info'),
    warn: print('warn'),
    error: print('error'),
    scoped: (name) => scopeOf(write, options, name),
  };
}

function textOf(value: unknown): string {
  return visible(typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value));
}

/** Control characters are shown, not obeyed. */
function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
