import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';

const longestTimer = 2 ** 31 - 1;

/** Boot time counts sleep where the kernel tells it (/proc/uptime); elsewhere the process's monotonic clock. */
function bootTime(): number {
  try {
    const [uptime = ''] = readFileSync('/proc/uptime', 'latin1').split(' ');
    const ms = Number(uptime) * 1000;
    if (Number.isFinite(ms) && ms > 0) return ms;
  } catch {
    // No /proc: fall through.
  }
  return performance.now();
}

/** The machine's clock. Timers longer than 24.8 days are chained; none keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  bootTime,
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
