import type { LogFields, Logger } from '../../src/base/logger.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly scope: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what was logged. */
export class FakeLogger implements Logger {
  readonly lines: LogLine[];
  readonly #scope: string;

  constructor(scope = 'default', lines: LogLine[] = []) {
    this.#scope = scope;
    this.lines = lines;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
  }

  scoped(scope: string): Logger {
    return new FakeLogger(scope, this.lines);
  }

  #keep(level: LogLine['level'], message: string, fields: LogFields = {}): void {
    this.lines.push({ level, scope: this.#scope, message, fields });
  }
}
