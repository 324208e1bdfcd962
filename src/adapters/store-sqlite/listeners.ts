import type { Logger } from '../../base/logger.ts';

/** A set of listeners; one that throws is logged and does not keep the others from hearing. */
export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(listener: (value: T) => void): Disposable {
    const own = (value: T) => listener(value);
    this.#all.add(own);
    return { [Symbol.dispose]: () => void this.#all.delete(own) };
  }

  tell(value: T): void {
    for (const listener of this.#all)
      try {
        listener(value);
      } catch (error) {
        this.#logger.error('a listener of the store failed', { error: String(error) });
      }
  }
}
