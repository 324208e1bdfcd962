import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeTokenIssuer } from '../../../test/fakes/token-issuer.ts';
import { hours } from '../../base/duration.ts';
import { KeySetKeeper } from '../../jwt/index.ts';
import { NodeKeySets } from './node-key-sets.ts';
import { KeySetRelay } from './relayed-key-sets.ts';

const place = { url: 'https://issuer.example/keys' };
const never = new AbortController().signal;

/** A relay at the server and, beside it, the key sets of one node that is told of each change. */
async function serverAndNode() {
  const clock = new FakeClock();
  const state = { text: new FakeTokenIssuer({ kid: 'old' }).jwks(), fetches: 0, isUp: true, wishes: 0 };
  const fetch = () => {
    state.fetches++;
    return Promise.resolve(state.text);
  };
  const relay = new KeySetRelay(() => ({ fetch }), clock);
  const node = new NodeKeySets({
    clock,
    keptMs: hours(48),
    want() {
      if (!state.isUp) return false;
      state.wishes++;
      relay.want(place);
      return true;
    },
  });
  const tell = () => node.replace(relay.documents([place]));
  relay.watch(tell);
  await relay.fetch(place, never);
  const keeper = new KeySetKeeper({
    name: 'node',
    clock,
    fetcher: node.fetcherFor(place),
    refreshMs: 5_000,
    cooldownMs: 250,
    kidCooldownMs: 5_000,
    absentKidMs: 5_000,
    maxStaleMs: 15_000,
  });
  await keeper.start();
  return { clock, state, relay, node, keeper, ask: (kid: string) => keeper.refreshForKid(kid, never) };
}

describe('a key that a node lacks', () => {
  it('is fetched by the server because the node asks', async () => {
    const { clock, state, ask } = await serverAndNode();
    await clock.advance(31_000);
    state.text = new FakeTokenIssuer({ kid: 'new' }).jwks();
    const asked = ask('new');
    await clock.advance(0);
    expect(await asked).toMatchObject({ outcome: 'found' });
    expect(state.fetches).toBe(2);
  });

  it('comes as soon as the server may fetch again, when it has fetched a moment ago', async () => {
    const { clock, state, keeper, ask } = await serverAndNode();
    state.text = new FakeTokenIssuer({ kid: 'new' }).jwks();
    const asked = ask('new');
    await clock.advance(2_000);
    expect(await asked).toEqual({ outcome: 'absent' });
    await clock.advance(33_000);
    expect([state.fetches, keeper.current()?.keys.map(({ kid }) => kid)]).toEqual([2, ['new']]);
  });

  it('costs the server one fetch per half minute, however many are made up (adv:T13)', async () => {
    const { clock, state, ask } = await serverAndNode();
    for (let second = 0; second < 120; second++) {
      const asked = Array.from({ length: 100 }, (_, i) => ask(`made-up-${second}-${i}`));
      await clock.advance(1_000);
      await Promise.race([Promise.all(asked), clock.advance(0)]);
    }
    expect(state.fetches).toBeLessThanOrEqual(1 + 4);
    expect(state.fetches).toBeGreaterThan(1);
    expect(state.wishes).toBeLessThanOrEqual(25);
  });

  it('is missed at once, without a wait, while the server is away', async () => {
    const { state, ask } = await serverAndNode();
    state.isUp = false;
    expect(await ask('new')).toEqual({ outcome: 'absent' });
    expect(state.fetches).toBe(1);
  });
});

describe('key sets that stay the same', () => {
  it('are told again now and then, so that a node does not take them for too old', async () => {
    const { clock, relay, node, keeper } = await serverAndNode();
    keeper[Symbol.dispose]();
    for (let hour = 0; hour < 72; hour++) {
      await relay.fetch(place, never);
      await clock.advance(hours(1));
    }
    expect(await node.fetcherFor(place).fetch(never)).toContain('old');
    await clock.advance(hours(49));
    await expect(node.fetcherFor(place).fetch(never)).rejects.toThrow('too old');
  });
});

describe('a place that was fetched a moment ago', () => {
  it('is not fetched again because another one is being fetched', async () => {
    const clock = new FakeClock();
    let fetches = 0;
    const slow = Promise.withResolvers<string>();
    const relay = new KeySetRelay(
      (of) => ({
        fetch: () => ('url' in of ? Promise.resolve(`{"fetched":${++fetches}}`) : slow.promise),
      }),
      clock,
    );
    await relay.fetch(place, never);
    const other = relay.fetch({ issuer: 'https://slow.example' }, never);
    await relay.fetch(place, never);
    slow.resolve('{}');
    expect([await other, fetches]).toEqual(['{}', 1]);
  });
});
