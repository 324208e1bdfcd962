import { describe, expect, it } from 'vitest';
import { UserShares, UserTurns } from './user-shares.ts';

function shares(most: number) {
  const limits: string[] = [];
  return { limits, places: new UserShares({ most, onLimit: () => limits.push('hit') }) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the share of a user', () => {
  it('has an end, comes back once, and leaves others theirs', () => {
    const { places, limits } = shares(2);
    const first = places.take(1);
    using _second = places.take(1);
    expect(() => places.take(1)).toThrow(expect.objectContaining({ code: 'USER_SHARE_USED_UP' }));
    expect(() => places.take(undefined)).not.toThrow();
    using _other = places.take(2);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(places.heldBy(1)).toBe(1);
    expect(limits).toEqual(['hit']);
  });

  it('is used up by work that waits too, and then more of it is refused at once', async () => {
    const { places } = shares(3);
    const turns = new UserTurns({ atOnce: 1, places });
    const gate = Promise.withResolvers<void>();
    const done = [1, 2, 3].map((n) => turns.run(7, () => gate.promise.then(() => n)));
    await expect(turns.run(7, async () => 4)).rejects.toMatchObject({ code: 'USER_SHARE_USED_UP' });
    gate.resolve();
    expect(await Promise.all(done)).toEqual([1, 2, 3]);
    expect(await turns.run(7, async () => 5)).toBe(5);
    expect(places.heldBy(7)).toBe(0);
  });

  it('makes who asks for much wait behind himself, and nobody else', async () => {
    const turns = new UserTurns({ atOnce: 2, places: shares(100).places });
    const gate = Promise.withResolvers<void>();
    const began: string[] = [];
    const work = (name: string, until: Promise<void>) => async () => {
      began.push(name);
      await until;
      if (name === 'a1') throw new Error('failed');
    };
    const greedy = ['a0', 'a1', 'a2', 'a3'].map((name) => turns.run(1, work(name, gate.promise)));
    await turns.run(2, work('b', Promise.resolve()));
    expect(began).toEqual(['a0', 'a1', 'b']);
    gate.resolve();
    const results = await Promise.allSettled(greedy);
    // One that failed gave its turn on all the same.
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(began.slice(3).sort()).toEqual(['a2', 'a3']);
    await settled();
  });
});
