import { describe, expect, it } from 'vitest';
import { IdempotencyGate } from './idempotency-gate.ts';

describe('the idempotency gate', () => {
  it('does the work once for a thousand calls at once, and again for a call after it (adv:C28)', async () => {
    const gate = new IdempotencyGate<number>();
    let worked = 0;
    const work = async () => {
      await Promise.resolve();
      return ++worked;
    };
    const results = await Promise.all(Array.from({ length: 1000 }, () => gate.run('k', 'csr', work)));
    expect([worked, new Set(results).size, gate.size]).toEqual([1, 1, 0]);
    expect(await gate.run('k', 'csr', work)).toBe(2);
  });

  it('refuses other content under a key in use', async () => {
    const gate = new IdempotencyGate<number>();
    const first = gate.run('k', 'csr', () => Promise.resolve(1));
    await expect(gate.run('k', 'other', () => Promise.resolve(2))).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    expect(await first).toBe(1);
  });

  it('shares a failure with those who waited, and forgets it', async () => {
    const gate = new IdempotencyGate<number>();
    const fail = () => Promise.reject(new TypeError('no'));
    const tries = await Promise.allSettled([gate.run('k', 'csr', fail), gate.run('k', 'csr', fail)]);
    expect(tries.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    expect(await gate.run('k', 'other', () => Promise.resolve(3))).toBe(3);
  });
});
