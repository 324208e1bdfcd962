import type { Logger } from '../base/logger.ts';

/** Who wants to hear of a change. A listener that throws is logged and does not keep the others from hearing. */
export class Listeners<T> {
  readonly #listeners = new Set<{ readonly hear: (value: T) => void }>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(hear: (value: T) => void): Disposable {
    const entry = { hear };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  tell(value: T): void {
    for (const { hear } of this.#listeners) {
      try {
        hear(value);
      } catch (error) {
        this.#logger.error('a listener failed', { error: String(error) });
      }
    }
  }
}
