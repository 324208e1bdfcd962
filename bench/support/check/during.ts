import { against, type Figure, median, percentile } from '../bench.ts';
import { type Load, run, type Target } from './load.ts';

export const windowMs = 250;

export interface During {
  readonly target: Target;
  readonly load: Load;
  /** What happens, in a word. */
  readonly event: string;
  readonly happen: () => Promise<void>;
}

/** Something happens while the load goes on: p99 of each quarter of a second, so that a bump would be seen. */
export async function during({ target, load, event, happen }: During): Promise<readonly Figure[]> {
  const pressed = await run(target, load, { seconds: 2, streams: 8 });
  const running = run(target, load, { seconds: 6, rps: pressed.rate * 0.4 });
  let happenedAt = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  let happening = Promise.resolve();
  const timer = setTimeout(() => {
    happenedAt = performance.now() - begin;
    happening = happen();
  }, 3_500);
  const { samples } = await running;
  clearTimeout(timer);
  await happening;
  // The samples begin with the load, a second of warming up after the process was started.
  const index = Math.floor((happenedAt - warmUpMs) / windowMs);
  const windows = Map.groupBy(samples, ([at]) => Math.floor(at / windowMs));
  const values = Array.from({ length: Math.max(...windows.keys()) + 1 }, (_, i) =>
    percentile(
      (windows.get(i) ?? []).map(([, ms]) => ms),
      0.99,
    ),
  );
  const before = median(values.slice(0, index));
  const after = Math.max(...values.slice(index).filter((value) => !Number.isNaN(value)));
  const name = `p99 of the worst ${windowMs} ms from when ${event}, beside the median before`;
  const trace = { everyMs: windowMs, values, events: { [index]: event } };
  return [{ ...against(before, { name, value: after, unit: 'ms' }), trace }];
}

const warmUpMs = 1_000;
