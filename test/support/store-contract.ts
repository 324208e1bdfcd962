/** What every `Store` must do, run against the real adapter and the fake alike. */
import { afterEach, beforeEach, describe } from 'vitest';
import { describeIssuanceContract } from './store-contract-issuance.ts';
import { describeOperatingContract } from './store-contract-operating.ts';
import type { StoreHarness } from './store-harness.ts';
import { auditEvent, issuanceRecord } from './store-records.ts';

export { auditEvent, issuanceRecord };

export function describeStoreContract(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    beforeEach(async () => {
      harness = await open();
    });
    afterEach(() => harness.dispose());

    describeIssuanceContract(() => harness);
    describeOperatingContract(() => harness);
  });
}
