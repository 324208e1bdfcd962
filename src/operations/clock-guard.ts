import type { Clock } from '../base/clock.ts';

/** G8: more than this backwards of the newest record, or between wall and boot time from one look to the next. */
export const clockTolerance = 5 * 60_000;

export type ClockVerdict =
  | { readonly trusted: true }
  | {
      readonly trusted: false;
      readonly reason: 'jumped' | 'behind-records';
      /** Positive when the wall clock is ahead of what was expected, ms. */
      readonly offBy: number;
      readonly detail: string;
    };

/**
 * Whether the wall clock may be signed by (D13). Slow correction is followed; a step against boot time, which counts
 * sleep, is not, and stays refused until an operator confirms it, even if the clock steps back: what happened in
 * between is for a person to judge.
 */
export class ClockGuard {
  readonly #clock: Clock;
  #newestIssuedAt: number;
  #offset: number;
  #jump: number | undefined;

  constructor(clock: Clock, newestIssuedAt: number | undefined) {
    this.#clock = clock;
    this.#newestIssuedAt = newestIssuedAt ?? Number.NEGATIVE_INFINITY;
    this.#offset = clock.now() - clock.bootTime();
  }

  /** Looks at both clocks; call it before each signature and every few seconds. */
  check(): ClockVerdict {
    const now = this.#clock.now();
    const offset = now - this.#clock.bootTime();
    const step = offset - this.#offset;
    if (Math.abs(step) > clockTolerance) this.#jump = step;
    else if (this.#jump === undefined) this.#offset = offset;
    if (this.#jump !== undefined) return refuse('jumped', this.#jump);
    const behind = now - this.#newestIssuedAt;
    return behind < -clockTolerance ? refuse('behind-records', behind) : { trusted: true };
  }

  /** A record was made: time has been at least here. */
  noteIssued(at: number): void {
    if (at > this.#newestIssuedAt) this.#newestIssuedAt = at;
  }

  /** An operator says that the wall clock is right now (`castellan check --accept-clock`). */
  accept(): void {
    this.#offset = this.#clock.now() - this.#clock.bootTime();
    this.#jump = undefined;
    this.#newestIssuedAt = Math.min(this.#newestIssuedAt, this.#clock.now());
  }
}

function refuse(reason: 'jumped' | 'behind-records', offBy: number): ClockVerdict {
  const size = `${Math.round(Math.abs(offBy) / 1000)} s`;
  const detail =
    reason === 'jumped'
      ? `the wall clock stepped ${size} ${offBy > 0 ? 'forward' : 'back'} against the time since boot`
      : `the wall clock is ${size} before the newest certificate on record`;
  return { trusted: false, reason, offBy, detail };
}
