import { against, type Figure, median, percentile, type Trace } from '../bench.ts';
import { type Load, type Measured, run, type Target } from './load.ts';

const windowMs = 100;
const perSecond = 1_000 / windowMs;

export interface During {
  readonly target: Target;
  readonly load: Load;
  /** What happens, in a word. */
  readonly event: string;
  /** Resolves when it is in force. */
  readonly happen: () => Promise<void>;
  /** 6. */
  readonly seconds?: number;
}

/**
 * Something happens while the load goes on: p50 and p99 of each tenth of a second, so that a bump would be seen. The
 * second that begins with it stands beside the other seconds of the same run: their worst tenths, the median of those.
 */
export async function during({
  target,
  load,
  event,
  happen,
  seconds = 6,
}: During): Promise<readonly Figure[]> {
  const pressed = await run(target, load, { seconds: 2, streams: 8 });
  const running = run(target, load, { seconds, rps: pressed.rate * 0.4 });
  const happened = new Promise<readonly [from: number, to: number]>((resolve, reject) => {
    setTimeout(
      () => {
        const from = Date.now();
        happen().then(() => resolve([from, Date.now()]), reject);
      },
      warmUpMs + (seconds / 2) * 1_000,
    );
  });
  const [measured, [from, to]] = await Promise.all([running, happened]);
  const indexOf = (at: number) => Math.floor((at - measured.beganAt) / windowMs);
  const events = { [indexOf(to)]: `${event}: in force`, [indexOf(from)]: event };
  return (['p50', 'p99'] as const).map((which) => {
    const values = windowsOf(measured, which === 'p50' ? 0.5 : 0.99);
    return {
      ...besideOtherSeconds(which, values, { event, index: indexOf(from) }),
      trace: { everyMs: windowMs, values, events },
    };
  });
}

/** h2load says nothing of the second in which it warms up. */
const warmUpMs = 1_000;

function windowsOf({ samples }: Measured, share: number): Trace['values'] {
  const windows = Map.groupBy(samples, ([at]) => Math.floor(at / windowMs));
  return Array.from({ length: Math.max(...windows.keys()) + 1 }, (_, i) =>
    percentile(
      (windows.get(i) ?? []).map(([, ms]) => ms),
      share,
    ),
  );
}

function besideOtherSeconds(
  which: string,
  values: Trace['values'],
  { event, index }: { readonly event: string; readonly index: number },
): Figure {
  const worst = (from: number) =>
    Math.max(...values.slice(from, from + perSecond).filter((value) => !Number.isNaN(value)));
  const others: number[] = [];
  for (let from = index - perSecond; from >= 0; from -= perSecond) others.push(worst(from));
  for (let from = index + perSecond; from + perSecond <= values.length; from += perSecond)
    others.push(worst(from));
  const name = `worst ${which} of ${windowMs} ms in the second from when ${event}, beside other seconds`;
  return against(median(others), { name, value: worst(index), unit: 'ms' });
}
