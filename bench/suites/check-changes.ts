import type { Figure } from '../support/bench.ts';
import { during } from '../support/check/during.ts';
import { startTarget } from '../support/check/load.ts';
import { grpcCheck } from '../support/check/questions.ts';
import { bench as keysExchanged } from './check-keys.ts';

const policies = Number(process.env.CASTELLAN_BENCH_SIZES?.split(',')[0] ?? 1_000);
const seconds = 2 * Number(process.env.CASTELLAN_BENCH_SECONDS ?? 4);

/**
 * Does a change show in the answers of those who ask meanwhile? A policy, then the keys of an issuer; before them a run
 * of the same length in which nothing happens, for what the machine does by itself. `CASTELLAN_BENCH_SECONDS=2` makes it
 * half as long.
 */
export async function bench(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  {
    using target = await startTarget({ kind: 'castellan', policies });
    const load = grpcCheck(false);
    const nothing = () => Promise.resolve();
    figures.push(...(await during({ target, load, seconds, event: 'nothing changed', happen: nothing })));
    const happen = () => target.change();
    figures.push(...(await during({ target, load, seconds, event: 'a policy changed', happen })));
  }
  return [...figures, ...(await keysExchanged())];
}
