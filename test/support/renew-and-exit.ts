/** Opens the authority in the given directory 21 days after the tests' now, renews its intermediate, and ends. */
import { argv, stdout } from 'node:process';
import { openAuthorityDirectory } from '../../src/adapters/key-store/index.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import {
  defaultLeafPolicy,
  defaultSelfManaged,
  openAuthority,
  randomSerials,
} from '../../src/authority/index.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { parseTrustDomain } from '../../src/spiffe/index.ts';
import { FakeClock } from '../fakes/clock.ts';

const [, , directory = ''] = argv;
const files = await openAuthorityDirectory(directory, { kind: 'none' });
const clock = new FakeClock('2026-03-22T12:00:00Z');
const authority = await openAuthority(
  { ...files, serials: randomSerials(systemRandom), clock, logger: silentLogger },
  {
    trustDomain: parseTrustDomain('cluster.local'),
    leaves: defaultLeafPolicy,
    hierarchy: defaultSelfManaged,
  },
);
stdout.write(`${authority.status().issuerId}\n`);
