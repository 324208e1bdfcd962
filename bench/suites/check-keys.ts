import { setTimeout as wait } from 'node:timers/promises';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { ask, CheckClient } from '../../test/support/check-harness.ts';
import type { Figure } from '../support/bench.ts';
import { during } from '../support/check/during.ts';
import { startTarget } from '../support/check/load.ts';
import { headersOf } from '../support/check/plan.ts';
import { grpcCheck } from '../support/check/questions.ts';

/** No two fetches of a key set are closer than this. */
const cooldownMs = 30_000;

/** Keys of an issuer are fetched anew, and are others, while tokens of it are checked. */
export async function bench(): Promise<readonly Figure[]> {
  using target = await startTarget({ kind: 'castellan', policies: 100, isFetched: true });
  const startedAt = performance.now();
  using client = new CheckClient(`127.0.0.1:${target.grpc}`);
  const stranger = new FakeTokenIssuer({ kid: 'key-3' });
  // Read before the load begins, so that only the check of it falls into the trace.
  const unknown = ask({ path: '/items', headers: headersOf(true, stranger) });
  await wait(Math.max(0, cooldownMs - 5_500 - (performance.now() - startedAt)));
  return await during({
    target,
    load: grpcCheck(true),
    event: 'keys were fetched',
    async happen() {
      await target.exchangeKeys();
      // A kid that is not among the keys: they are asked for again.
      await client.check(unknown);
    },
  });
}
