import type { Clock } from '../../src/base/clock.ts';

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that only moves when told; timers fire in order as it passes them. */
export class FakeClock implements Clock {
  #now: number;
  #boot = 1_000_000;
  readonly #timers = new Set<Timer>();

  constructor(now: number | string = '2026-01-01T00:00:00Z') {
    this.#now = typeof now === 'number' ? now : Date.parse(now);
  }

  now(): number {
    return this.#now;
  }

  bootTime(): number {
    return this.#boot;
  }

  schedule(delayMs: number, run: () => void): Disposable {
    const timer: Timer = { at: this.#boot + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves wall and boot time on, firing what falls due, and lets promises settle between timers. */
  async advance(ms: number): Promise<void> {
    const end = this.#boot + ms;
    for (;;) {
      const next = [...this.#timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#step(Math.max(0, next.at - this.#boot));
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    this.#step(end - this.#boot);
    await settle();
  }

  /** Moves only the wall clock, as an NTP step or a hand would. */
  jumpWall(ms: number): void {
    this.#now += ms;
  }

  #step(ms: number): void {
    this.#now += ms;
    this.#boot += ms;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
