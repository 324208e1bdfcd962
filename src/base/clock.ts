/**
 * Time as a port. Wall time judges validity; boot time (which counts sleep) tells whether the wall clock jumped.
 */
export interface Clock {
  /** Wall time, milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since boot, never going back, counting time asleep. */
  bootTime(): number;
  /** Calls `run` once after `delayMs`; dispose to cancel. */
  schedule(delayMs: number, run: () => void): Disposable;
}

/** Resolves after `delayMs` of the clock's time; rejects with the signal's reason when aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = () => {
      timer[Symbol.dispose]();
      reject(signal?.reason as Error);
    };
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
