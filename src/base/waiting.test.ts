import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { BoundedCache } from './bounded-cache.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { abortable, Coalescer, withDeadline } from './waiting.ts';

const never = new AbortController().signal;

describe('a deadline', () => {
  it('ends work that takes too long, and tells it so', async () => {
    const clock = new FakeClock();
    let told: unknown;
    const work = withDeadline(clock, 1_000, never, (signal) => {
      signal.addEventListener('abort', () => (told = signal.reason));
      return new Promise(() => undefined);
    });
    const settled = expect(work).rejects.toThrow(expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }));
    await clock.advance(1_000);
    await settled;
    expect(told).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('leaves no timer behind work that ends in time, well or not', async () => {
    const clock = new FakeClock();
    expect(await withDeadline(clock, 1_000, never, () => Promise.resolve(7))).toBe(7);
    await expect(withDeadline(clock, 1_000, never, () => Promise.reject(new Error('no')))).rejects.toThrow(
      'no',
    );
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives the reason of a caller who went first', async () => {
    const gone = new AbortController();
    const work = withDeadline(new FakeClock(), 1_000, gone.signal, () => new Promise(() => undefined));
    gone.abort(new Error('gone'));
    await expect(work).rejects.toThrow('gone');
    await expect(
      abortable(Promise.reject(new Error('late')), AbortSignal.abort(new Error('gone'))),
    ).rejects.toThrow('gone');
  });
});

describe('work asked for by several at once', () => {
  it('is done once, and again for who asks later', async () => {
    const coalescer = new Coalescer<number>();
    let runs = 0;
    const ask = () => coalescer.run('key', () => Promise.resolve(++runs), never);
    expect(
      await Promise.all([ask(), ask(), coalescer.run('other', () => Promise.resolve(-1), never)]),
    ).toEqual([1, 1, -1]);
    expect(await ask()).toBe(2);
    expect(coalescer.running).toBe(0);
  });

  it('goes on for the others when one leaves, and fails for all', async () => {
    const coalescer = new Coalescer<number>();
    const { promise, reject } = Promise.withResolvers<number>();
    const leaver = new AbortController();
    const left = coalescer.run('key', () => promise, leaver.signal);
    const stayed = coalescer.run('key', () => promise, never);
    leaver.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    reject(new Error('failed'));
    await expect(stayed).rejects.toThrow('failed');
  });
});

describe('a bounded cache', () => {
  it('forgets what was not used for longest, and what is over', () => {
    const cache = new BoundedCache<string>(2);
    const life = { from: 10, until: 20 };
    cache.set('a', 'A', life);
    cache.set('b', 'B', life);
    expect(cache.get('a', 10)).toBe('A');
    cache.set('c', 'C', life);
    expect([cache.get('a', 19), cache.get('b', 19), cache.get('c', 20)]).toEqual(['A', undefined, undefined]);
    expect(cache.stats).toEqual({ size: 1, hits: 2, misses: 2, evictions: 1 });
  });

  it('gives nothing before its time, and takes nothing that has none', () => {
    const cache = new BoundedCache<string>(2);
    cache.set('a', 'A', { from: 10, until: 20 });
    expect(cache.get('a', 9)).toBeUndefined();
    cache.set('b', 'B', { from: 10, until: 10 });
    expect(cache.stats.size).toBe(0);
    expect(() => new BoundedCache(0)).toThrow(TypeError);
  });
});

describe('a circuit breaker', () => {
  const enter = (breaker: CircuitBreaker, ok: boolean) => {
    if (!breaker.tryEnter()) return 'spared';
    if (ok) breaker.succeeded();
    else breaker.failed();
    return 'asked';
  };

  it('spares a back-end after failures in a row, and lets one attempt decide later', async () => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker({ clock, failures: 2, openMs: 1_000 });
    expect([enter(breaker, false), enter(breaker, true), enter(breaker, false)]).toEqual([
      'asked',
      'asked',
      'asked',
    ]);
    expect([enter(breaker, false), enter(breaker, true), breaker.isOpen]).toEqual(['asked', 'spared', true]);
    await clock.advance(1_000);
    expect(breaker.tryEnter()).toBe(true);
    expect(breaker.tryEnter()).toBe(false);
    breaker.failed();
    expect(enter(breaker, true)).toBe('spared');
    await clock.advance(1_000);
    expect([enter(breaker, true), enter(breaker, true), breaker.isOpen]).toEqual(['asked', 'asked', false]);
  });
});
