import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { rawCall } from '../../support/raw-call.ts';
import { until, wireServer } from '../../support/wire-server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;

const megabyte = 1 << 20;
const calls = 20;

it('a young collection frees what calls that were answered had in hand', async () => {
  let closed = 0;
  await using server = await wireServer({
    answer: (_request, call) => {
      const held = new ArrayBuffer(megabyte);
      call.signal.addEventListener('abort', () => held.byteLength);
      return ['answer'];
    },
  });
  const target = { address: server.address, rootsPem: server.root.pem };
  const round = async () => {
    for (let i = 0; i < calls; i++) {
      await rawCall(target, { csr: 'any' }, {});
      closed++;
    }
  };
  // What a first call makes and keeps is not in question.
  await round();
  collect();
  const before = process.memoryUsage().arrayBuffers;
  await round();
  await until(() => closed === 2 * calls);
  await sleep(20);
  for (let i = 0; i < 3; i++) collect({ type: 'minor' });
  const kept = (process.memoryUsage().arrayBuffers - before) / megabyte;
  expect(kept).toBeLessThan(calls / 4);
});
