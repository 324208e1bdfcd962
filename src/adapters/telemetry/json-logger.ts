import { destination, type Logger as PinoLogger, pino } from 'pino';
import type { LogFields, Logger } from '../../base/logger.ts';
import { redactFields, redactText } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Levels of single scopes. */
  readonly scopes: Readonly<Record<string, LogLevel>>;
  /** In every line, such as `trust_domain` and `version`. */
  readonly always: Readonly<Record<string, string>>;
  /** Default: standard error. */
  readonly fd?: number;
  readonly onDrop?: () => void;
}

export interface ClosableLogger extends Logger {
  /** Writes out what is buffered; nothing may be logged afterwards. */
  close(): void;
}

/** Lines that wait for a slow reader are dropped, and counted, beyond this. */
const mostBuffered = 16 * 1024 * 1024;

/** JSON lines with `time level scope msg` and the fields, credentials masked. */
export function jsonLogger(options: LoggerOptions): ClosableLogger {
  const sink = destination({ fd: options.fd ?? 2, sync: false, minLength: 0, maxLength: mostBuffered });
  sink.on('drop', () => options.onDrop?.());
  // A reader that went away (EPIPE) must not take the server with it.
  sink.on('error', () => options.onDrop?.());
  const root = pino(
    {
      base: { ...options.always },
      level: 'debug',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'msg',
    },
    sink,
  );
  const close = () => {
    try {
      sink.flushSync();
    } catch {
      // Not open yet, or its reader is gone: nothing was promised.
    }
  };
  return Object.assign(scopeOf(root, options, 'default'), { close });
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

function scopeOf(root: PinoLogger, options: LoggerOptions, scope: string): Logger {
  const child = root.child({ scope });
  const least = ranks[options.scopes[scope] ?? options.level];
  const write =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (ranks[level] >= least) child[level](redactFields(fields), redactText(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    scoped: (name) => scopeOf(root, options, name),
  };
}
