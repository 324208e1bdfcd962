import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakeRandom } from '../../test/fakes/random.ts';
import { EpochSerials, epochOfSerial, mayRecover, serialPrefixAt } from './epoch-serials.ts';

describe('a serial', () => {
  it('is positive, 20 octets, and tells the epoch that drew it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 127 }),
        fc.integer({ min: 0, max: 126 }),
        fc.nat(),
        (serialPrefix, epoch, now) => {
          const origin = { serialPrefix, epoch };
          const serial = new EpochSerials(origin, new FakeClock(now), new FakeRandom()).nextHex();
          expect(serial).toMatch(/^(0[1-9a-f]|[1-7][0-9a-f])[0-9a-f]{38}$/);
          expect(epochOfSerial(serial, origin)).toBe(epoch);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('carries 128 bits from the random port, and its prefix changes with each restore (adv:S21)', () => {
    const clock = new FakeClock();
    const asked: number[] = [];
    const random = { bytes: (n: number) => (asked.push(n), new Uint8Array(n).fill(0xab)) };
    const before = new EpochSerials({ serialPrefix: 127, epoch: 0 }, clock, random).nextHex();
    const after = new EpochSerials({ serialPrefix: 127, epoch: 1 }, clock, random).nextHex();
    expect(asked).toEqual([16, 16]);
    expect([before.slice(0, 2), after.slice(0, 2)]).toEqual(['7f', '01']);
    expect(before.slice(8)).toBe('ab'.repeat(16));
    expect(new Set([0, 1, 2, 3].map((epoch) => serialPrefixAt({ serialPrefix: 9, epoch }))).size).toBe(4);
  });
});

describe('a certificate that is not on file', () => {
  const backupAt = Date.parse('2026-03-01T00:00:00Z');
  const origin = { serialPrefix: 5, epoch: 2, restoredBackupAt: backupAt };
  const serial = (prefix: number) => prefix.toString(16).padStart(2, '0') + '00'.repeat(19);

  it.each<[string, number, number, boolean]>([
    ['of the epoch before the restore, begun after the backup, may be recovered', 6, backupAt + 1, true],
    ['of the first epoch, begun after the backup, may be recovered', 5, backupAt + 1, true],
    ['that was back-dated across the backup may be recovered', 6, backupAt - 119_000, true],
    ['of this epoch may not: it would be on file', 7, backupAt + 1, false],
    ['of a later epoch may not: we have not drawn it', 8, backupAt + 1, false],
    ['begun before the backup may not: it would be in the backup', 6, backupAt - 120_000, false],
  ])('%s', (_, prefix, notBefore, expected) => {
    expect(mayRecover({ serial: serial(prefix), notBefore }, origin)).toBe(expected);
  });

  it('is never recovered where nothing was restored, or with a serial of another length', () => {
    expect(mayRecover({ serial: serial(6), notBefore: backupAt }, { serialPrefix: 5, epoch: 2 })).toBe(false);
    expect(mayRecover({ serial: '06', notBefore: backupAt + 1 }, origin)).toBe(false);
  });
});
