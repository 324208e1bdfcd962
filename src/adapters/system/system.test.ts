import { describe, expect, it } from 'vitest';
import { bootClock, systemClock } from './clock.ts';
import { pooledRandom, systemRandom } from './random.ts';

describe('boot time', () => {
  it('goes on between two looks at the kernel, which are a second apart at least', () => {
    let [now, looks, uptime] = [0, 0, '100.00 7.00'];
    const boot = bootClock(
      () => {
        looks++;
        return uptime;
      },
      () => now,
    );
    const at = (elapsed: number) => {
      now = elapsed;
      return boot();
    };
    expect([at(5), at(400), at(1004), looks]).toEqual([100_000, 100_395, 100_999, 1]);
    uptime = '101.00 7.00';
    expect([at(1005), at(1006), looks]).toEqual([101_000, 101_001, 2]);
  });

  it('counts sleep, in which the process clock stands still, and never goes back by rounding', () => {
    let [now, uptime] = [0, '100.00'];
    const boot = bootClock(
      () => uptime,
      () => now,
    );
    boot();
    [now, uptime] = [1000, '3700.00'];
    expect(boot()).toBe(3_700_000);
    [now, uptime] = [2000, '3700.99'];
    expect(boot()).toBeGreaterThanOrEqual(3_700_990);
    const before = boot();
    [now, uptime] = [3000, '3700.50'];
    expect(boot()).toBeGreaterThanOrEqual(before);
  });

  it('falls back to the process clock where the kernel does not tell', () => {
    const boot = bootClock(
      () => {
        throw new Error('ENOENT');
      },
      () => 42,
    );
    expect(boot()).toBe(42);
    expect(systemClock.bootTime()).toBeGreaterThan(0);
  });
});

describe('random bytes', () => {
  it('are each drawn once and given out once, across the ends of the pool', () => {
    let counter = 0;
    const random = pooledRandom((length) => Uint8Array.from({ length }, () => counter++ & 0xff));
    const seen: number[] = [];
    for (let i = 0; i < 300; i++) seen.push(...random.bytes(16));
    expect(seen).toEqual(Array.from({ length: 4800 }, (_, n) => n & 0xff));
    const again = random.bytes(16);
    again.fill(0);
    expect(random.bytes(16)).not.toEqual(again);
  });

  it('are of the length asked for, and no two draws alike', () => {
    const draws = Array.from({ length: 2000 }, (_, n) => systemRandom.bytes(16 + (n % 100)));
    expect(draws.every((bytes, n) => bytes.length === 16 + (n % 100))).toBe(true);
    expect(new Set(draws.map((bytes) => Buffer.from(bytes.subarray(0, 16)).toString('hex'))).size).toBe(2000);
  });
});
