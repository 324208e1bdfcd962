import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { SpiffeId } from '../spiffe/index.ts';
import type { Connection } from '../wire/grpc/connections.ts';
import { ConnectionTable } from '../wire/grpc/connections.ts';
import type { Crl } from '../x509/index.ts';
import { keepPeersHonest } from './peer-upkeep.ts';

class FakeSocket extends EventEmitter {
  isOpen = true;

  destroy(): void {
    this.isOpen = false;
    this.emit('close');
  }
}

/** A thousand peers, whose certificates are judged by `isGood`. */
function thousandPeers() {
  const clock = new FakeClock();
  const connections = new ConnectionTable();
  let onBundle: () => void = () => undefined;
  let onLists: () => void = () => undefined;
  const world = { judged: 0, isGood: true, crls: [] as readonly Pick<Crl, 'isRevoked'>[] };
  const open: Connection[] = [];
  for (let n = 0; n < 1_000; n++) {
    const peer = {
      spiffeId: SpiffeId.parse(`spiffe://cluster.local/agent-${n}`),
      serial: n.toString(16).padStart(8, '0'),
      issuerSerials: ['aa', 'bb'],
      notAfter: clock.now() + 3_600_000,
      chain: [],
    };
    open.push(
      connections.add(new FakeSocket(), {
        kind: 'tls',
        peerAddress: '10.0.0.1',
        peerIsLoopback: false,
        peer,
      }),
    );
  }
  const nothing = { [Symbol.dispose]: () => undefined };
  const upkeep = keepPeersHonest({
    state: {
      authority: {
        crls: () => world.crls as readonly Crl[],
        onBundleChange(listener) {
          onBundle = () => listener({} as never);
          return nothing;
        },
        onCrlChange(listener) {
          onLists = listener;
          return nothing;
        },
      },
      store: {
        revocations: { isRevoked: () => false, watch: () => nothing },
      },
    },
    clock,
    connections,
    judge: () => {
      world.judged++;
      return world.isGood
        ? { ok: true, peer: open[0]?.peer as NonNullable<Connection['peer']> }
        : { ok: false, reason: 'unknown_issuer', detail: '' };
    },
  });
  const changed = { bundle: () => onBundle(), lists: () => onLists() };
  return { clock, connections, changed, world, open, upkeep };
}

describe('peers of open connections', () => {
  it('are judged anew a few at a time when the bundle changes, and all of them before long (adv:M14)', async () => {
    const { clock, connections, changed, world, upkeep } = thousandPeers();
    using _upkeep = upkeep;
    world.isGood = false;
    changed.bundle();
    expect(world.judged).toBe(0);
    // The first turn runs before the clock lets anything else happen.
    const turns = clock.advance(0);
    expect(world.judged).toBeGreaterThan(0);
    expect(world.judged).toBeLessThan(20);
    await turns;
    expect([world.judged, connections.size]).toEqual([1_000, 0]);
  });

  it('that call before their turn are judged there and then, and none twice', async () => {
    const { clock, connections, changed, world, open, upkeep } = thousandPeers();
    using _upkeep = upkeep;
    world.isGood = false;
    changed.bundle();
    expect(connections.find(open[999]?.id ?? '')).toBeUndefined();
    expect([world.judged, connections.size]).toEqual([1, 999]);
    world.isGood = true;
    await clock.advance(0);
    expect([world.judged, connections.size]).toEqual([1_000, 999]);
  });

  it('are left alone by a revocation list that names neither them nor who signed for them', async () => {
    const { clock, connections, changed, world, open, upkeep } = thousandPeers();
    using _upkeep = upkeep;
    world.crls = [{ isRevoked: (serial) => serial === open[7]?.peer?.serial }];
    world.isGood = false;
    changed.lists();
    await clock.advance(0);
    expect([world.judged, connections.size]).toEqual([1, 999]);
    world.crls = [{ isRevoked: (serial) => serial === 'bb' }];
    changed.lists();
    await clock.advance(0);
    expect(connections.size).toBe(0);
  });
});
