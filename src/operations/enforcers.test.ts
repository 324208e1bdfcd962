import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { type Enforcer, Enforcers } from './enforcers.ts';

function source(...names: string[]) {
  const listeners = new Set<() => void>();
  const known = new Map<string, Enforcer>(
    names.map((name) => [name, { name, kind: 'worker', revision: 1n, seen: 1n }]),
  );
  return {
    list: () => [...known.values()],
    onChange(listener: () => void) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    set(name: string, facts: Partial<Enforcer>) {
      known.set(name, { ...(known.get(name) as Enforcer), ...facts });
      for (const listener of listeners) listener();
    },
    listeners,
  };
}

const { signal } = new AbortController();

describe('waiting for a revision', () => {
  it('ends when the last enforcer has it, and counts those who do', async () => {
    const workers = source('a', 'b');
    const enforcers = new Enforcers();
    enforcers.add(workers);
    const clock = new FakeClock();
    const waiting = enforcers.waitFor(2n, { clock, waitMs: 30_000, signal });
    workers.set('a', { revision: 2n, seen: 2n });
    expect(enforcers.at(2n)).toMatchObject({ inForce: false, acknowledged: 1 });
    workers.set('b', { revision: 3n, seen: 3n });
    expect(await waiting).toMatchObject({ inForce: true, acknowledged: 2 });
    expect([workers.listeners.size, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('ends at once when one of them refuses it', async () => {
    const workers = source('a', 'b');
    const enforcers = new Enforcers();
    enforcers.add(workers);
    const waiting = enforcers.waitFor(2n, { clock: new FakeClock(), waitMs: 30_000, signal });
    workers.set('a', { problem: 'too many rules', seen: 2n });
    expect(await waiting).toMatchObject({ inForce: false, acknowledged: 0 });
  });

  it('ends when the time is over, and says who lags', async () => {
    const workers = source('a', 'b');
    const enforcers = new Enforcers();
    enforcers.add(workers);
    const clock = new FakeClock();
    const waiting = enforcers.waitFor(2n, { clock, waitMs: 30_000, signal });
    workers.set('a', { revision: 2n, seen: 2n });
    await clock.advance(30_000);
    const { enforcers: all } = await waiting;
    expect(all.filter(({ hasIt }) => !hasIt).map(({ name }) => name)).toEqual(['b']);
  });

  it('is never over while nobody decides at all', () => {
    expect(new Enforcers().at(1n).inForce).toBe(false);
  });
});
