/** The logger port: fields, not sentences. Values are JSON-safe; secrets never go in (use `Secret`). */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry `scope`, e.g. `ca`, `audit`, `authz.decision`. */
  scoped(scope: string): Logger;
}

const nothing = () => undefined;

export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  scoped: () => silentLogger,
};
