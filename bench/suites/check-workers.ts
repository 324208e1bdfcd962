import { ask, CheckClient } from '../../test/support/check-harness.ts';
import { against, type Figure, median } from '../support/bench.ts';
import { run, startTarget, type Target } from '../support/check/load.ts';
import { grpcCheck } from '../support/check/questions.ts';

const rounds = 3;
const seconds = Number(process.env.CASTELLAN_BENCH_SECONDS ?? 3);

/** Two processes behind one port beside one, each pressed as far as it goes; load and processes share the cores. */
export async function bench(): Promise<readonly Figure[]> {
  using emptyOne = await startTarget({ kind: 'empty-grpc', policies: 0, workers: 1 });
  using emptyTwo = await startTarget({ kind: 'empty-grpc', policies: 0, workers: 2 });
  using one = await startTarget({ kind: 'castellan', policies: 100, workers: 1 });
  using two = await startTarget({ kind: 'castellan', policies: 100, workers: 2 });
  const rates = await pressed([emptyOne, emptyTwo, one, two]);
  const beside = (name: string, [floor, value]: readonly (number | undefined)[]) =>
    against(floor ?? Number.NaN, { name, value: value ?? Number.NaN, unit: '1/s' });
  return [
    beside('two workers, beside one', rates.slice(2)),
    beside('two empty handlers, beside one', rates.slice(0, 2)),
    ...(await changes(one, two)),
  ];
}

/** Answers a second of each, medians; in turns, so that all see the same machine. */
async function pressed(targets: readonly Target[]): Promise<readonly number[]> {
  const all = targets.map((): number[] => []);
  for (const target of targets) await run(target, load, { seconds: 1, streams: 8 });
  for (let round = 0; round < rounds; round++)
    for (const [i, target] of targets.entries())
      all[i]?.push((await run(target, load, { seconds, streams: 8 })).rate);
  return all.map(median);
}

const load = grpcCheck(false);
const policyChanges = 20;

/** From the write of a policy until it is in force in every worker, and what workers answer by from then on. */
async function changes(one: Target, two: Target): Promise<readonly Figure[]> {
  const took = async (target: Target) => {
    const begin = performance.now();
    await target.change();
    return performance.now() - begin;
  };
  const clients = Array.from({ length: 8 }, () => new CheckClient(`127.0.0.1:${two.grpc}`));
  const [floors, values]: [number[], number[]] = [[], []];
  let old = 0;
  let before = new Set<string>();
  for (let i = 0; i < policyChanges; i++) {
    floors.push(await took(one));
    values.push(await took(two));
    const revisions = await Promise.all(clients.map(revisionAt));
    old += revisions.filter((revision) => before.has(revision)).length;
    before = new Set(revisions);
    if (before.size > 1) old += before.size - 1;
  }
  for (const client of clients) client[Symbol.dispose]();
  const name = 'a policy changes until it is in force in both workers, beside one, p50';
  return [
    against(median(floors), { name, value: median(values), unit: 'ms' }),
    { name: `answers by another policy after that, of ${policyChanges * 8}`, value: old, unit: '' },
  ];
}

async function revisionAt(client: CheckClient): Promise<string> {
  const { response } = await client.check(ask({ path: '/items' }), { deadlineMs: 20_000 });
  const { policy_revision: revision } = response.dynamicMetadata ?? {};
  return typeof revision === 'string' ? revision : '';
}
