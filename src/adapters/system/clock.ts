import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';

const longestTimer = 2 ** 31 - 1;

/** Between two looks at the kernel's figure the process's own clock, which stops in sleep, may stand in so long. */
const rereadAfterMs = 1000;

/**
 * Milliseconds since boot, counting sleep, where the kernel tells it (/proc/uptime); elsewhere since the process
 * began. It is asked for with every signature and every record, so the file is read once a second at most.
 */
export function bootClock(
  readUptime: () => string = () => readFileSync('/proc/uptime', 'latin1'),
  elapsed: () => number = () => performance.now(),
): () => number {
  let readAt = Number.NEGATIVE_INFINITY;
  let uptime = 0;
  let last = 0;
  const read = (now: number) => {
    try {
      const [seconds = ''] = readUptime().split(' ');
      const ms = Number(seconds) * 1000;
      if (Number.isFinite(ms) && ms > 0) return ms;
    } catch {
      // No /proc: fall through.
    }
    return now;
  };
  return () => {
    const now = elapsed();
    if (now - readAt >= rereadAfterMs) {
      uptime = read(now);
      readAt = now;
    }
    // The kernel's figure is in hundredths of a second: never step back by its rounding.
    last = Math.max(last, uptime + now - readAt);
    return last;
  };
}

/** The machine's clock. Timers longer than 24.8 days are chained; none keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  bootTime: bootClock(),
  schedule(delayMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (left: number) => {
      const part = Math.min(left, longestTimer);
      timer = setTimeout(() => (left > part ? arm(left - part) : run()), part);
      timer.unref();
    };
    arm(Math.max(0, delayMs));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
