import type { Clock } from './clock.ts';
import { baseErrors } from './errors.ts';

/** The promise, or the signal's reason as soon as it aborts; the work itself goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(signal.reason as Error);
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Runs `work` for at most `limitMs` of the clock's time; then its signal aborts and DEADLINE_EXCEEDED is thrown. */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  using _timer = clock.schedule(limitMs, () => limit.abort(baseErrors.DEADLINE_EXCEEDED()));
  const either = AbortSignal.any([signal, limit.signal]);
  return await abortable(work(either), either);
}

/** Callers who ask for the same thing at the same time share one run of the work. */
export class Coalescer<V> {
  readonly #running = new Map<string, Promise<V>>();

  get running(): number {
    return this.#running.size;
  }

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  /** `work` gets no caller's signal: it serves them all. A caller who aborts stops waiting. */
  run(key: string, work: () => Promise<V>, signal: AbortSignal): Promise<V> {
    let shared = this.#running.get(key);
    if (shared === undefined) {
      shared = work().finally(() => this.#running.delete(key));
      this.#running.set(key, shared);
    }
    return abortable(shared, signal);
  }
}
