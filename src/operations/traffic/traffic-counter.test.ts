import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { parseIp } from '../../base/ip.ts';
import type { WorkloadFacts } from '../../policy/index.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { DecidedCheck } from '../check-request/index.ts';
import { hourMs, otherTraffic, type TrafficRow } from '../ports/index.ts';
import { TrafficCounter, TrafficFlow, takeShippedTraffic, writeTrafficRow } from './index.ts';

const start = Date.UTC(2026, 10, 1, 12, 30);
const workload = (name = 'cart'): WorkloadFacts => ({ namespace: 'shop', name, labels: new Map() });
const cart = workload();

interface Asked {
  readonly facts?: WorkloadFacts;
  readonly peer?: string | undefined;
  readonly path?: string | undefined;
  readonly outcome?: 'allow' | 'deny';
  readonly at?: number;
}

function decided({ facts = cart, path = '/items/7', outcome = 'allow', at = start, ...more }: Asked = {}) {
  const peer = 'peer' in more ? more.peer : 'spiffe://cluster.local/ns/web/sa/front';
  return {
    at,
    outcome: {
      decision: { outcome },
      request: {
        connection: {
          tls: peer === undefined ? 'none' : 'mutual',
          peer: peer === undefined ? undefined : SpiffeId.parse(peer),
          sourceIp: parseIp('10.0.0.7'),
          destinationPort: 8080,
        },
        destination: facts,
        http: { method: 'GET', path, headers: new Map() },
      },
    },
  } as unknown as DecidedCheck;
}

const total = (rows: readonly TrafficRow[]) =>
  rows.reduce((sum, { allowed, denied }) => sum + allowed + denied, 0);

describe('counts of traffic', () => {
  it('count every decision under caller, workload, port, TLS, method and the shape of its path', () => {
    const counter = new TrafficCounter();
    counter.count(decided({ path: '/items/7?secret=1' }));
    counter.count(decided({ path: '/items/8', outcome: 'deny', at: start + 5 }));
    counter.count(decided({ peer: undefined }));
    const key = { destination: 'shop/cart', port: 8080, method: 'GET', path: '/items/{id}', node: '' };
    const hour = start - 30 * 60_000;
    expect(counter.take(start)).toEqual([
      {
        ...key,
        caller: 'spiffe://cluster.local/ns/web/sa/front',
        tls: 'mutual',
        hour,
        allowed: 1,
        denied: 1,
        lastAt: start + 5,
      },
      { ...key, caller: '10.0.0.7', tls: 'none', hour, allowed: 1, denied: 0, lastAt: start },
    ]);
    expect(counter.take(start)).toEqual([]);
  });

  it('are of one workload although policies changed and another object stands for it', () => {
    const counter = new TrafficCounter();
    for (let i = 0; i < 3; i++) counter.count(decided({ facts: workload() }));
    counter.count(decided({ facts: workload('other') }));
    expect(counter.take(start).map(({ destination, allowed }) => [destination, allowed])).toEqual([
      ['shop/cart', 3],
      ['shop/other', 1],
    ]);
  });

  it('are bounded: what nobody has room for is counted together, and in the next hour there is room again', () => {
    const counter = new TrafficCounter();
    for (let i = 0; i < 10_050; i++) counter.count(decided({ path: `/${'x'.repeat(i % 40)}${letters(i)}` }));
    const rows = counter.take(start);
    expect(rows).toHaveLength(10_001);
    expect(rows.at(-1)).toMatchObject({ caller: otherTraffic, destination: otherTraffic, allowed: 50 });
    expect(counter.beyond).toBe(50);
    counter.count(decided({ path: '/fresh' }));
    expect(counter.take(start + 1)).toMatchObject([{ caller: otherTraffic, allowed: 1 }]);
    counter.take(start + hourMs);
    counter.count(decided({ path: '/fresh', at: start + hourMs }));
    expect(counter.take(start + hourMs)).toMatchObject([{ path: '/fresh', allowed: 1 }]);
  });

  it('that could not be brought are counted on, and none is lost or counted twice', async () => {
    const clock = new FakeClock();
    const counter = new TrafficCounter();
    const kept: TrafficRow[] = [];
    let isDown = true;
    using flow = new TrafficFlow({
      counter,
      clock,
      mostAtOnce: 2,
      send: async (rows) => {
        if (isDown && kept.length > 0) throw new Error('away');
        kept.push(...rows);
      },
    });
    for (let i = 0; i < 5; i++) counter.count(decided({ path: `/p${'abcde'[i]}` }));
    await flow.flush();
    expect(kept).toHaveLength(2);
    counter.count(decided({ path: '/pa' }));
    isDown = false;
    await flow.flush();
    expect(total(kept)).toBe(6);
    expect(new Set(kept.map(({ path }) => path))).toEqual(new Set(['/pa', '/pb', '/pc', '/pd', '/pe']));
  });

  it('of a node are kept under its own name, whatever it says, and refused whole when one cannot be read', () => {
    const counter = new TrafficCounter();
    counter.count(decided());
    const [row] = counter.take(start) as [TrafficRow];
    const now = start;
    const node = 'spiffe://cluster.local/castellan/agent/a';
    const lie = writeTrafficRow({ ...row, node: 'spiffe://cluster.local/castellan/agent/b' });
    takeShippedTraffic(counter, node, { rows: [lie, lie], now });
    expect(counter.take(start)).toEqual([{ ...row, node, allowed: 2 }]);
    for (const bad of [
      { ...row, allowed: -1 },
      { ...row, hour: row.hour + 1 },
      { ...row, hour: row.hour + 48 * hourMs },
      { ...row, tls: 'best' },
      { ...row, caller: 7 },
    ] as TrafficRow[])
      expect(() => takeShippedTraffic(counter, node, { rows: [lie, writeTrafficRow(bad)], now })).toThrow(
        'cannot be read',
      );
    expect(counter.take(start)).toEqual([]);
  });
});

/** A word that no shape of a path takes for an id. */
function letters(n: number): string {
  return String(n)
    .split('')
    .map((digit) => 'abcdefghij'[Number(digit)])
    .join('');
}
