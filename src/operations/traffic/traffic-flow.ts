import type { Clock } from '../../base/clock.ts';
import type { TrafficRow } from '../ports/index.ts';
import type { TrafficCounter } from './traffic-counter.ts';

export interface TrafficFlowOptions {
  readonly counter: TrafficCounter;
  readonly clock: Clock;
  /** Takes what was counted on; rejects when it has not. */
  readonly send: (rows: readonly TrafficRow[]) => Promise<void>;
  readonly everyMs?: number;
  readonly mostAtOnce?: number;
}

/** Brings what was counted to where it is kept, now and then. What could not be brought is counted on. */
export class TrafficFlow implements Disposable {
  readonly #options: Required<TrafficFlowOptions>;
  #timer: Disposable;
  #flowing: Promise<void> = Promise.resolve();

  constructor(options: TrafficFlowOptions) {
    this.#options = { everyMs: 5_000, mostAtOnce: 1_000, ...options };
    this.#timer = this.#arm();
  }

  /** Resolves when everything counted before was brought, or could not be. */
  flush(): Promise<void> {
    const next = this.#flowing.then(() => this.#flow());
    this.#flowing = next;
    return next;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #arm(): Disposable {
    const { clock, everyMs } = this.#options;
    return clock.schedule(everyMs, () => {
      this.#timer = this.#arm();
      void this.flush();
    });
  }

  async #flow(): Promise<void> {
    const { counter, clock, send, mostAtOnce } = this.#options;
    const rows = counter.take(clock.now());
    for (let i = 0; i < rows.length; i += mostAtOnce) {
      try {
        await send(rows.slice(i, i + mostAtOnce));
      } catch {
        counter.add(rows.slice(i));
        return;
      }
    }
  }
}
