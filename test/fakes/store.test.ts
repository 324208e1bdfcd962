import { describeStoreContract } from '../support/store-contract.ts';
import { FakeClock } from './clock.ts';
import { FakeStore } from './store.ts';

describeStoreContract('the fake', async () => {
  const clock = new FakeClock();
  const store = new FakeStore({ clock });
  return { store, clock, dispose: () => store.close() };
});
