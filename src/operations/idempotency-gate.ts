import { storeErrors } from './ports/errors.ts';

interface Running<T> {
  readonly fingerprint: string;
  readonly result: Promise<T>;
}

/**
 * Calls with one key at one time share one piece of work, so that a thousand retries cost one signature (C28). The
 * store's own check in the transaction is what guarantees the rule (D8); this spares the work.
 */
export class IdempotencyGate<T> {
  readonly #running = new Map<string, Running<T>>();

  /** `key` holds the caller; another `fingerprint` under the same key is an IDEMPOTENCY_CONFLICT. */
  run(key: string, fingerprint: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running !== undefined)
      return running.fingerprint === fingerprint
        ? running.result
        : Promise.reject(storeErrors.IDEMPOTENCY_CONFLICT());
    const result = work().finally(() => this.#running.delete(key));
    this.#running.set(key, { fingerprint, result });
    return result;
  }

  get size(): number {
    return this.#running.size;
  }
}
