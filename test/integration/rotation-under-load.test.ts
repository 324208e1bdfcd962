import { describe, expect, it } from 'vitest';
import type { AuthorityRole } from '../../src/authority/index.ts';
import { jwtSvidProfile, type KeySet, parseKeySet, verifyJwt } from '../../src/jwt/index.ts';
import { jwtKeySetOf, SpiffeId } from '../../src/spiffe/index.ts';
import { agentClient, joinAgent } from '../support/agent-client.ts';
import { type Castellan, castellan } from '../support/castellan.ts';
import { RotatingPeer } from '../support/rotating-peer.ts';

/** Everything lives shortly, in proportion: a leaf twelve seconds, a root long enough not to rotate by itself. */
const settings = `
authority:
  workloadTtl: 12s
  maxWorkloadTtl: 40s
  intermediateTtl: 10m
  rootTtl: 24h
  jwtTtl: 4s
  maxJwtTtl: 4s
  jwtKeyTtl: 1h
agents:
  nodeTtl: 40s
limits:
  perIdentityPerSecond: 1000
  perIdentityBurst: 1000
`;

const wish = (role: AuthorityRole) => ({ role, reason: 'a test under load' });

/** Peers call each other without pause until it is over. */
async function load(peers: readonly RotatingPeer[], over: AbortSignal): Promise<void> {
  const turn = async (peer: RotatingPeer) => {
    while (!over.aborted) {
      await peer.tick();
      for (const other of peers) if (other !== peer) await peer.call(other);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await Promise.all(peers.map(turn));
}

async function phaseOf(ca: Castellan, role: AuthorityRole): Promise<string> {
  const { lines } = await ca.server.state.authority.rotation.status();
  return lines.find((line) => line.role === role)?.phase ?? 'none';
}

/** Resolves when the machine says so; it is woken as its own timers would wake it. */
async function reached(ca: Castellan, role: AuthorityRole, phase: string): Promise<void> {
  while ((await phaseOf(ca, role)) !== phase) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('a root rotates under load', () => {
  it('and not one request fails, not one handshake is refused, with an agent that is away while it is published (adv:S20)', {
    timeout: 240_000,
  }, async () => {
    await using ca = await castellan({ settings });
    const { authority } = ca.server.state;
    const [before] = authority.roots();
    await using first = await RotatingPeer.start(ca, 'first');
    await using second = await RotatingPeer.start(ca, 'second');
    const peers = [first, second];
    const agent = await joinAgent(ca, 'away');
    const report = async () => {
      using client = agentClient(ca, agent);
      const stream = client.sync();
      const answer = await stream.next();
      const sequences = (answer.bundles?.items ?? []).map(
        ({ trustDomain, sequence }) => [trustDomain, sequence] as const,
      );
      stream.send({
        message: {
          case: 'report',
          value: { revision: answer.revision, bundleSequences: Object.fromEntries(sequences) },
        },
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      stream.cancel();
    };
    await report();
    const over = new AbortController();
    const running = load(peers, over.signal);
    await authority.rotation.start(wish('root'));
    expect(authority.roots()).toHaveLength(2);
    // Everybody else has had their time; the agent that was away when the root was published holds it up, by name.
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    const { lines } = await authority.rotation.status();
    expect(lines[0]).toMatchObject({ role: 'root', phase: 'published' });
    expect(lines[0]?.phases[2]?.gate?.blockers).toMatchObject([{ kind: 'agent', name: agent.id }]);
    await report();
    await reached(ca, 'root', 'activated');
    // Away again while the new one signs, and back with the certificate of the old.
    await report();
    await reached(ca, 'root', 'idle');
    const rounds = first.renewals;
    while (first.renewals === rounds) await new Promise((resolve) => setTimeout(resolve, 50));
    over.abort();
    await running;
    expect(peers.flatMap(({ failures }) => failures)).toEqual([]);
    expect(first.requests + second.requests).toBeGreaterThan(200);
    expect(first.renewals).toBeGreaterThan(3);
    expect(authority.roots()).toHaveLength(1);
    expect(authority.roots()[0]?.sha256).not.toBe(before?.sha256);
    expect(peers.map(({ rootsKnown }) => rootsKnown)).toEqual([1, 1]);
  });

  it('or because it was tainted, and nothing fails either; who holds its certificates is told', {
    timeout: 240_000,
  }, async () => {
    await using ca = await castellan({ settings });
    const { authority } = ca.server.state;
    await using first = await RotatingPeer.start(ca, 'first');
    await using second = await RotatingPeer.start(ca, 'second');
    const over = new AbortController();
    const running = load([first, second], over.signal);
    const { lines } = await authority.rotation.status();
    const id = lines[0]?.active?.id ?? '';
    const told: string[][] = [];
    authority.onVerdictChange(({ tainted }) => told.push([...tainted]));
    await authority.rotation.taint(id, 'a safe stood open');
    await reached(ca, 'root', 'idle');
    over.abort();
    await running;
    expect([...first.failures, ...second.failures]).toEqual([]);
    expect(told.some((ids) => ids.includes(id))).toBe(true);
    expect(first.issuer).not.toBe(id);
  });
});

describe('a JWT key rotates', () => {
  it('while validators hold keys that are as old as they may be, and no token is refused', {
    timeout: 240_000,
  }, async () => {
    await using ca = await castellan({ settings });
    const { authority } = ca.server.state;
    const [before] = authority.bundle().jwtKeys;
    const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
    const audiences = ['db'];
    const read = () => parseKeySet(jwtKeySetOf(authority.bundle()), { source: 'remote', use: 'jwt-svid' });
    // A validator reads the keys as seldom as the refresh hint lets it.
    let keys: KeySet = read();
    let readAt = Date.now();
    const tokens: { token: string; expiresAt: number }[] = [];
    const refused: string[] = [];
    let judged = 0;
    const over = new AbortController();
    const validate = async () => {
      while (!over.signal.aborted) {
        const now = Date.now();
        if (now - readAt >= authority.bundle().refreshHintSeconds * 1000) {
          keys = read();
          readAt = now;
        }
        tokens.push(await authority.mintJwtSvid({ spiffeId, audiences, ttlSeconds: 0 }));
        for (const one of [tokens[0], tokens.at(-1)]) {
          if (one === undefined || one.expiresAt <= Date.now()) continue;
          const verdict = await verifyJwt(one.token, keys, jwtSvidProfile({ audiences }), Date.now());
          judged++;
          if (!verdict.ok) refused.push(verdict.reason);
        }
        while ((tokens[0]?.expiresAt ?? Number.POSITIVE_INFINITY) <= Date.now()) tokens.shift();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const running = validate();
    await authority.rotation.start(wish('jwt'));
    expect(authority.bundle().jwtKeys).toHaveLength(2);
    await reached(ca, 'jwt', 'idle');
    over.abort();
    await running;
    expect(refused).toEqual([]);
    expect(judged).toBeGreaterThan(100);
    expect(authority.bundle().jwtKeys).toHaveLength(1);
    expect(authority.bundle().jwtKeys[0]?.kid).not.toBe(before?.kid);
  });
});
