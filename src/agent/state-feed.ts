import type { Clock } from '../base/clock.ts';
import type { CastellanError } from '../base/errors.ts';
import { agentErrors } from './errors.ts';
import type { WorkloadState } from './workload-state.ts';
import type { WorkloadSubscription } from './workloads.ts';

export interface StateFeedParts<T> {
  readonly clock: Clock;
  /** Disposed of with the feed, unless another feed shares it. */
  readonly subscription: WorkloadSubscription;
  readonly onChange: () => void;
  readonly patienceMs: number;
  readonly refuse: (error: CastellanError) => CastellanError;
  /** What the stream is about, when it is there. */
  readonly read: (state: WorkloadState) => T | undefined;
  /** What will do when patience has ended. */
  readonly fallBack: (state: WorkloadState) => T | undefined;
}

/** Turns the states of a workload into what a stream says: a value, nothing yet, or the error that ends it. */
export class StateFeed<T extends object> implements Disposable {
  readonly #parts: StateFeedParts<T>;
  #said: T | undefined;
  #waiting: { isOver: boolean } | undefined;
  #timer: Disposable | undefined;

  constructor(parts: StateFeedParts<T>) {
    this.#parts = parts;
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#parts.subscription[Symbol.dispose]();
  }

  /** The value as it is now, said before or not; undefined while it has to be waited for. */
  current(): T | undefined {
    const state = this.#parts.subscription.state();
    if (state.kind === 'none') throw this.#parts.refuse(agentErrors.NO_IDENTITY_REGISTERED());
    if (state.kind === 'unknown') throw agentErrors.AGENT_NOT_READY();
    const value = this.#parts.read(state);
    if (value !== undefined) {
      this.#waiting = undefined;
      return value;
    }
    if (!this.#isPatienceOver()) return undefined;
    const least = this.#parts.fallBack(state);
    if (least === undefined) throw agentErrors.SVID_NOT_READY();
    return least;
  }

  /** The value if it is another than the one before. */
  next(): T | undefined {
    const value = this.current();
    if (value === undefined || value === this.#said) return undefined;
    this.#said = value;
    return value;
  }

  #isPatienceOver(): boolean {
    if (this.#waiting === undefined) {
      const waiting = { isOver: false };
      this.#waiting = waiting;
      const { clock, patienceMs, onChange } = this.#parts;
      this.#timer?.[Symbol.dispose]();
      this.#timer = clock.schedule(patienceMs, () => {
        waiting.isOver = true;
        onChange();
      });
    }
    return this.#waiting.isOver;
  }
}
