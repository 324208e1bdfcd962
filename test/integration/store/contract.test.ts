import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../src/adapters/store-sqlite/index.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { FakeRandom } from '../../fakes/random.ts';
import { describeStoreContract } from '../../support/store-contract.ts';

describeStoreContract('SQLite', async () => {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'castellan-store-'));
  const clock = new FakeClock();
  const store = await openStore({ stateDirectory, clock, random: new FakeRandom(), initialise: true });
  return {
    store,
    clock,
    dispose: async () => {
      await store.close();
      rmSync(stateDirectory, { recursive: true });
    },
  };
});
