/** Opens the store of argv[2], says so, and stays until it is killed. */
import { openStore } from '../../../../src/adapters/store-sqlite/index.ts';
import { systemClock } from '../../../../src/adapters/system/clock.ts';
import { systemRandom } from '../../../../src/adapters/system/random.ts';

const stateDirectory = process.argv[2] ?? '';
await openStore({ stateDirectory, clock: systemClock, random: systemRandom, initialise: true });
process.stdout.write('held\n');
setInterval(() => undefined, 1000);
