/**
 * Records certificates in the state directory argv[2], argv[3] at a time, argv[4] in all, and prints a line for each
 * acknowledgement (`ok SERIAL`) and each refusal (`no CODE`). A refused one is tried again with a new serial.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from '../../../../src/adapters/store-sqlite/index.ts';
import { systemClock } from '../../../../src/adapters/system/clock.ts';
import { systemRandom } from '../../../../src/adapters/system/random.ts';
import { isCastellanError } from '../../../../src/base/errors.ts';
import { EpochSerials } from '../../../../src/operations/epoch-serials.ts';
import { auditEvent, issuanceRecord } from '../../../support/store-records.ts';

const [, , stateDirectory = '', concurrent = '1', total = '1'] = process.argv;
const store = await openStore({
  stateDirectory,
  clock: systemClock,
  random: systemRandom,
  initialise: true,
  limits: { checkpointEvery: 50 },
});
const serials = new EpochSerials(store.identity(), systemClock, systemRandom);
let left = Number(total);

/** At once, so that a kill cannot swallow it; a full pipe is tried again. */
function tell(line: string): void {
  for (;;)
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
}

async function work(): Promise<void> {
  while (left-- > 0) {
    const serial = serials.nextHex();
    const der = Buffer.from(serial.repeat(30), 'hex');
    try {
      await store.issuances.recordIssuance(
        issuanceRecord(serial, { der }),
        auditEvent({ detail: { serial } }),
      );
      tell(`ok ${serial}\n`);
    } catch (error) {
      left++;
      tell(`no ${isCastellanError(error) ? error.code : String(error)}\n`);
      await sleep(50);
    }
  }
}

await Promise.all(Array.from({ length: Number(concurrent) }, work));
const { reopenings } = store.maintenance.figures();
await store.close();
tell(`done ${reopenings}\n`);
