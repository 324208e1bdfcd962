import { against, type Figure, median, percentile } from '../support/bench.ts';
import { type Load, type Measured, run, startTarget, type Target } from '../support/check/load.ts';
import { checkBody, forwardAuthHeaders, jwks } from '../support/check/plan.ts';

/**
 * Decisions at the doors under open load, one process. First the rate is found at which p99 exceeds 20 ms; then 85 % of
 * it is held three times, and medians are told. Beside each stands an empty handler that decodes the same message, in
 * the same run. `CASTELLAN_BENCH_SIZES=100,1000` and `CASTELLAN_BENCH_SECONDS=2` make it shorter.
 */
export async function bench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  {
    using empty = await startTarget({ kind: 'empty-grpc', policies: 0 });
    const floor = await holdable(empty, grpc(false));
    for (const policies of sizes) {
      using target = await startTarget({ kind: 'castellan', policies });
      figures.push(
        ...(await compare(`gRPC, ${policies} policies`, { target, empty, floor, load: grpc(false) })),
      );
      if (policies === sizes.at(-1)) figures.push(...(await duringChange(target, grpc(false))));
    }
    using target = await startTarget({ kind: 'castellan', policies: 100, jwks });
    const withToken = { target, empty, floor: await holdable(empty, grpc(true)), load: grpc(true) };
    figures.push(...(await compare('gRPC with a known token, 100 policies', withToken)));
  }
  using empty = await startTarget({ kind: 'empty-http', policies: 0 });
  using target = await startTarget({ kind: 'castellan', policies: 100, byAddress: true });
  const overHttp = { target, empty, floor: await holdable(empty, http), load: http };
  figures.push(...(await compare('forward-auth, 100 policies', overHttp)));
  return figures;
}

const sizes = (process.env.CASTELLAN_BENCH_SIZES ?? '100,1000,10000').split(',').map(Number);
const seconds = Number(process.env.CASTELLAN_BENCH_SECONDS ?? 3);
const worstP99 = 20;
const share = 0.85;

const grpc = (withToken: boolean): Load => ({
  url: (target) => `http://127.0.0.1:${target.grpc}/envoy.service.auth.v3.Authorization/Check`,
  args: ['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
  body: checkBody(withToken),
});

const http: Load = {
  url: (target) => `http://127.0.0.1:${target.http}/authz/forward-auth?workload=shop/cart&port=8080`,
  args: ['--h1', ...forwardAuthHeaders().flatMap((header) => ['-H', header])],
};

/** Answers a second that it can give with p99 in bounds: up from half of what it gives when pressed, in tenths. */
async function holdable(target: Target, load: Load): Promise<number> {
  await run(target, load, { seconds: 2, streams: 8 });
  const pressed = await run(target, load, { seconds: 2, streams: 8 });
  let held = pressed.rate * 0.4;
  for (let part = 0.5; part <= 1; part += 0.1) {
    const rps = pressed.rate * part;
    const { p99, rate } = await run(target, load, { seconds: 2, rps });
    if (p99 > worstP99 || rate < rps * 0.95) break;
    held = rps;
  }
  return held;
}

interface Compared {
  readonly target: Target;
  readonly empty: Target;
  readonly floor: number;
  readonly load: Load;
}

async function compare(name: string, { target, empty, floor, load }: Compared): Promise<readonly Figure[]> {
  const held = await holdable(target, load);
  const rps = held * share;
  const runs: Measured[] = [];
  const floors: Measured[] = [];
  for (let round = 0; round < 3; round++) {
    floors.push(await run(empty, load, { seconds, rps }));
    runs.push(await run(target, load, { seconds, rps }));
  }
  const of = (all: readonly Measured[], figure: 'p50' | 'p95' | 'p99' | 'cpu' | 'rss') =>
    median(all.map((one) => one[figure]));
  const beside = (figure: 'p50' | 'p95' | 'p99' | 'cpu' | 'rss', unit: string) =>
    against(of(floors, figure), {
      name: `${name}: ${figure} at ${Math.round(rps)}/s`,
      value: of(runs, figure),
      unit,
    });
  return [
    against(floor, { name: `${name}: rate with p99 ≤ 20 ms`, value: held, unit: '1/s' }),
    beside('p50', 'ms'),
    beside('p95', 'ms'),
    beside('p99', 'ms'),
    beside('cpu', 'µs CPU'),
    beside('rss', 'MiB'),
  ];
}

const windowMs = 250;

/** A policy changes while the load goes on: the worst quarter of a second from then on beside an ordinary one. */
async function duringChange(target: Target, load: Load): Promise<readonly Figure[]> {
  const pressed = await run(target, load, { seconds: 2, streams: 8 });
  const running = run(target, load, { seconds: 6, rps: pressed.rate * 0.4 });
  let changedAt = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  const timer = setTimeout(() => {
    changedAt = performance.now() - begin;
    void target.change();
  }, 3_500);
  const { samples } = await running;
  clearTimeout(timer);
  const windows = Map.groupBy(samples, ([at]) => Math.floor(at / windowMs));
  const worst = [...windows].map(([index, all]) => ({
    at: index * windowMs,
    p99: percentile(
      all.map(([, ms]) => ms),
      0.99,
    ),
  }));
  const before = median(worst.filter(({ at }) => at < changedAt - windowMs).map(({ p99 }) => p99));
  const after = Math.max(...worst.filter(({ at }) => at >= changedAt - windowMs).map(({ p99 }) => p99));
  const name = `p99 of the worst ${windowMs} ms after a policy changed, beside the median before`;
  return [against(before, { name, value: after, unit: 'ms' })];
}
