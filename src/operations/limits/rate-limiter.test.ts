import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { RateLimiter, sourceKey } from './rate-limiter.ts';

describe('a rate limiter', () => {
  it('never grants more than the burst and what came back since', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ wait: fc.integer({ min: 0, max: 5000 }), takes: fc.integer({ min: 0, max: 5 }) }),
          {
            maxLength: 20,
          },
        ),
        async (steps) => {
          const clock = new FakeClock(0);
          const limiter = new RateLimiter({ perSecond: 2, burst: 4 }, clock);
          let granted = 0;
          let elapsed = 0;
          for (const { wait, takes } of steps) {
            clock.jumpWall(wait);
            elapsed += wait;
            for (let i = 0; i < takes; i++) if (limiter.take('a').granted) granted++;
            expect(granted).toBeLessThanOrEqual(4 + (elapsed / 1000) * 2 + 1e-9);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('says exactly when the next token is there', () => {
    const clock = new FakeClock(0);
    const limiter = new RateLimiter({ perSecond: 2, burst: 1 }, clock);
    expect(limiter.take('a')).toEqual({ granted: true });
    expect(limiter.take('a')).toEqual({ granted: false, retryAfterSeconds: 0.5 });
    clock.jumpWall(499);
    expect(limiter.take('a').granted).toBe(false);
    clock.jumpWall(1);
    expect(limiter.take('a').granted).toBe(true);
  });

  it('goes on when the wall clock is set back', () => {
    const clock = new FakeClock(10_000_000);
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, clock);
    limiter.take('a');
    clock.jumpWall(-9_000_000);
    expect(limiter.take('a').granted).toBe(false);
    clock.jumpWall(1000);
    expect(limiter.take('a').granted).toBe(true);
  });

  it('keeps its map bounded however many keys come, and keeps the buckets that say something', () => {
    const clock = new FakeClock(0);
    const limiter = new RateLimiter({ perSecond: 1, burst: 2 }, clock, 100);
    limiter.take('spender');
    limiter.take('spender');
    for (let i = 0; i < 1000; i++) {
      limiter.take(`key-${i}`);
      limiter.take('spender');
      clock.jumpWall(2);
    }
    expect(limiter.size).toBeLessThanOrEqual(100);
    // A bucket that had been forgotten would be full: two tokens.
    limiter.take('spender');
    expect(limiter.take('spender').granted).toBe(false);
  });
});

describe('the key of a source', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s is %s', (address, key) => {
    expect(sourceKey(address)).toBe(key);
  });
});
