import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarDay, daysInMonth, daysOf } from './calendar.ts';

const msPerDay = 86_400_000;

describe('the calendar', () => {
  it('agrees with Date on every day from the year 1000 to 9999 that is drawn, both ways', () => {
    const days = fc.integer({ min: Date.UTC(1000, 0, 1) / msPerDay, max: Date.UTC(9999, 11, 31) / msPerDay });
    fc.assert(
      fc.property(days, (n) => {
        const date = new Date(n * msPerDay);
        const own = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
        expect(calendarDay(n)).toEqual(own);
        expect(daysOf(own.year, own.month, own.day)).toBe(n);
      }),
      { numRuns: 1000 },
    );
  });

  it('knows the length of every month, by both rules of the leap year', () => {
    for (const year of [1900, 2000, 2024, 2026, 2100])
      for (let month = 1; month <= 12; month++)
        expect(daysInMonth(year, month)).toBe(new Date(Date.UTC(year, month, 0)).getUTCDate());
    expect([daysInMonth(2026, 0), daysInMonth(2026, 13)]).toEqual([0, 0]);
  });
});
