import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../base/bytes.ts';
import { type Tlv, tags } from './der-reader.ts';
import { derTime, latestTime, readTime } from './time.ts';

const read = (der: Uint8Array) =>
  readTime(der, { tag: der[0] as number, start: 0, valueStart: 2, end: der.length } satisfies Tlv);
const written = (iso: string) => {
  const der = derTime(Date.parse(iso));
  return [der[0], Buffer.from(der.subarray(2)).toString()];
};
const time = (tag: number, digits: string) => Uint8Array.from([tag, digits.length, ...utf8(digits)]);

describe('X.509 times', () => {
  it('are UTCTime through 2049 and GeneralizedTime from 2050 on (adv:S15)', () => {
    expect(written('2049-12-31T23:59:59Z')).toEqual([tags.utcTime, '491231235959Z']);
    expect(written('2050-01-01T00:00:00Z')).toEqual([tags.generalizedTime, '20500101000000Z']);
    expect(written('1999-12-31T23:59:59Z')).toEqual([tags.utcTime, '991231235959Z']);
    expect(written('1950-01-01T00:00:00Z')).toEqual([tags.utcTime, '500101000000Z']);
    expect(written('1949-12-31T23:59:59Z')).toEqual([tags.generalizedTime, '19491231235959Z']);
    expect(written('9999-12-31T23:59:59Z')).toEqual([tags.generalizedTime, '99991231235959Z']);
  });

  it('pass 2038, leap days and ends of summer time unchanged, whatever the zone of the machine (adv:S15)', () => {
    for (const iso of [
      '2038-01-19T03:14:08Z',
      '2028-02-29T23:59:59Z',
      '2026-10-25T01:30:00Z',
      '2026-03-29T02:30:00Z',
    ])
      expect(new Date(read(derTime(Date.parse(iso)))).toISOString()).toBe(`${iso.slice(0, -1)}.000Z`);
  });

  it('survive being written and read, without their fraction of a second', () => {
    const instant = fc.integer({ min: Date.UTC(1000, 0, 1), max: latestTime });
    fc.assert(
      fc.property(instant, (ms) => {
        expect(read(derTime(ms))).toBe(Math.floor(ms / 1000) * 1000);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ['February 30th', tags.utcTime, '260230120000Z'],
    ['February 29th of a common year', tags.utcTime, '270229120000Z'],
    ['month 0', tags.utcTime, '260001120000Z'],
    ['month 13', tags.utcTime, '261301120000Z'],
    ['day 0', tags.utcTime, '260100120000Z'],
    ['hour 24', tags.utcTime, '260101240000Z'],
    ['minute 60', tags.utcTime, '260101126000Z'],
    ['a leap second', tags.utcTime, '261231235960Z'],
    ['a GeneralizedTime that should be UTCTime', tags.generalizedTime, '20260101120000Z'],
    ['the year 0', tags.generalizedTime, '00000101120000Z'],
    ['another type', tags.printableString, '260101120000Z'],
    ['a length that is not right', tags.utcTime, '2601011200Z'],
  ])('are refused for %s', (_what, tag, digits) => {
    expect(() => read(time(tag, digits))).toThrow(expect.objectContaining({ code: 'DER_MALFORMED' }));
  });

  it('that X.509 cannot write are a fault of ours', () => {
    expect(() => derTime(latestTime + 1000)).toThrow(TypeError);
    expect(() => derTime(Number.NaN)).toThrow(TypeError);
    expect(toHex(derTime(latestTime)).slice(0, 4)).toBe('180f');
  });
});
