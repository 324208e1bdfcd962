import type { Clock } from '../../base/clock.ts';
import type { DecisionRing, DecisionRow } from '../ports/index.ts';

export interface ShippingOptions {
  readonly clock: Clock;
  /** Takes records on; what is dropped here was counted. Resolves when it has them, rejects when it has not. */
  readonly ship: (rows: readonly DecisionRow[], dropped: number) => Promise<void>;
  readonly mostWaiting?: number;
  readonly mostAtOnce?: number;
  readonly everyMs?: number;
  readonly retryMs?: number;
}

/** Records on their way to where they are kept. No decision waits for it; in a flood the newest are dropped, counted. */
export class ShippingRing implements Pick<DecisionRing, 'note'>, Disposable {
  readonly #options: Required<ShippingOptions>;
  #waiting: DecisionRow[] = [];
  #dropped = 0;
  #timer: Disposable | undefined;
  #isShipping = false;
  #isClosed = false;

  constructor(options: ShippingOptions) {
    this.#options = { mostWaiting: 20_000, mostAtOnce: 500, everyMs: 20, retryMs: 1_000, ...options };
  }

  note(row: DecisionRow): void {
    if (this.#waiting.length >= this.#options.mostWaiting) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(row);
    this.#arm(this.#options.everyMs);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Everything that waits, in one try. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 && (await this.#shipSome()));
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
  }

  #arm(delayMs: number): void {
    if (this.#isClosed || this.#isShipping) return;
    this.#timer ??= this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      void this.#shipSome();
    });
  }

  async #shipSome(): Promise<boolean> {
    if (this.#isShipping) return false;
    this.#isShipping = true;
    const { ship, mostAtOnce, retryMs, everyMs } = this.#options;
    const rows = this.#waiting.slice(0, mostAtOnce);
    const dropped = this.#dropped;
    let delayMs = everyMs;
    try {
      await ship(rows, dropped);
      this.#waiting = this.#waiting.slice(rows.length);
      this.#dropped -= dropped;
      return true;
    } catch {
      delayMs = retryMs;
      return false;
    } finally {
      this.#isShipping = false;
      if (this.#waiting.length > 0) this.#arm(delayMs);
    }
  }
}
