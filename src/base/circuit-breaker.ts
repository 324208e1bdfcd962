import type { Clock } from './clock.ts';

export interface CircuitBreakerOptions {
  readonly clock: Clock;
  /** So many failures in a row open it. */
  readonly failures?: number;
  /** How long it stays open before one attempt is let through. */
  readonly openMs?: number;
}

/** Spares a back-end that keeps failing: while open nobody asks it; then one attempt decides. */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #openMs: number;
  #failures = 0;
  #openedAt: number | undefined;
  #probing = false;

  constructor(options: CircuitBreakerOptions) {
    this.#clock = options.clock;
    this.#limit = options.failures ?? 5;
    this.#openMs = options.openMs ?? 10_000;
  }

  get isOpen(): boolean {
    return this.#openedAt !== undefined;
  }

  /** True when the back-end may be asked; whoever is told so reports with `succeeded` or `failed`. */
  tryEnter(): boolean {
    if (this.#openedAt === undefined) return true;
    if (this.#probing || this.#clock.bootTime() - this.#openedAt < this.#openMs) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#openedAt = undefined;
    this.#probing = false;
  }

  failed(): void {
    this.#failures++;
    this.#probing = false;
    if (this.#failures >= this.#limit) this.#openedAt = this.#clock.bootTime();
  }
}
