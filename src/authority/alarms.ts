import type { Clock } from '../base/clock.ts';
import { isCastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Alarm } from './signing-state.ts';

/** Alarms by topic: raised until what they are about works again. Each is logged when it begins and when it ends. */
export class Alarms {
  readonly #alarms = new Map<string, Alarm>();
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  list(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  raise(topic: string, error: unknown): void {
    const code = isCastellanError(error) ? error.code : 'INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    const before = this.#alarms.get(topic);
    if (before?.message === message) return;
    this.#alarms.set(topic, { code, message, since: before?.since ?? this.#clock.now() });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
    this.#logger.error(`${topic} failed`, {
      code,
      reason: message,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  clear(topic: string): void {
    if (this.#alarms.delete(topic)) this.#logger.info(`${topic} works again`);
  }
}
