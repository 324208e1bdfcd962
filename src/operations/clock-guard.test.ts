import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { ClockGuard } from './clock-guard.ts';

const hour = 3_600_000;

describe('the clock guard', () => {
  it.each([
    ['an hour', hour],
    ['a day', 24 * hour],
  ])('refuses at the start when the clock is %s before the newest record (adv:S12)', (_, back) => {
    const clock = new FakeClock();
    const guard = new ClockGuard(clock, clock.now() + back);
    expect(guard.check()).toMatchObject({ trusted: false, reason: 'behind-records', offBy: -back });
    guard.accept();
    expect(guard.check()).toEqual({ trusted: true });
  });

  it.each([
    ['an hour back', -hour],
    ['a day back', -24 * hour],
    ['a year ahead', 365 * 24 * hour],
  ])(
    'refuses when the clock steps %s during the run, until an operator confirms it (adv:S12 adv:S13)',
    async (_, step) => {
      const clock = new FakeClock();
      const guard = new ClockGuard(clock, clock.now());
      await clock.advance(hour);
      expect(guard.check()).toEqual({ trusted: true });
      guard.noteIssued(clock.now());
      clock.jumpWall(step);
      expect(guard.check()).toMatchObject({ trusted: false, reason: 'jumped', offBy: step });
      await clock.advance(hour);
      expect(guard.check()).toMatchObject({ trusted: false, reason: 'jumped' });
      guard.accept();
      expect(guard.check()).toEqual({ trusted: true });
    },
  );

  it('stays refused when the clock steps back where it was, since certificates may have been judged by it (adv:S13)', () => {
    const clock = new FakeClock();
    const guard = new ClockGuard(clock, clock.now());
    clock.jumpWall(365 * 24 * hour);
    expect(guard.check().trusted).toBe(false);
    clock.jumpWall(-365 * 24 * hour);
    expect(guard.check()).toMatchObject({ trusted: false, reason: 'jumped' });
    guard.accept();
    expect(guard.check().trusted).toBe(true);
  });

  it('follows sleep, small steps and slow correction', async () => {
    const clock = new FakeClock();
    const guard = new ClockGuard(clock, clock.now());
    await clock.advance(72 * hour);
    expect(guard.check().trusted).toBe(true);
    for (let i = 0; i < 20; i++) {
      clock.jumpWall(-4 * 60_000);
      expect(guard.check().trusted).toBe(true);
    }
    clock.jumpWall(-5 * 60_000);
    expect(guard.check().trusted).toBe(true);
    clock.jumpWall(-5 * 60_000 - 1);
    expect(guard.check().trusted).toBe(false);
  });

  it('allows five minutes behind the newest record and not a millisecond more', () => {
    const clock = new FakeClock();
    expect(new ClockGuard(clock, clock.now() + 300_000).check().trusted).toBe(true);
    expect(new ClockGuard(clock, clock.now() + 300_001).check().trusted).toBe(false);
    expect(new ClockGuard(clock, undefined).check().trusted).toBe(true);
  });
});
