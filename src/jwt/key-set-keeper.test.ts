import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakeLogger } from '../../test/fakes/logger.ts';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { KeySetKeeper, type KeySetKeeperOptions } from './index.ts';

const never = new AbortController().signal;
const hour = 3_600_000;

/** An issuer whose published text can be changed, and who can be away. */
class FakePublisher {
  text: string;
  isAway = false;
  hangs = false;
  fetches = 0;

  constructor(text: string) {
    this.text = text;
  }

  fetch(signal: AbortSignal): Promise<string> {
    this.fetches++;
    if (this.hangs)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    return this.isAway ? Promise.reject(new Error('away')) : Promise.resolve(this.text);
  }
}

function setUp(options: Partial<KeySetKeeperOptions> = {}) {
  const issuer = new FakeTokenIssuer();
  const publisher = new FakePublisher(issuer.jwks());
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const keeper = new KeySetKeeper({ name: 'issuer', fetcher: publisher, clock, logger, ...options });
  return { issuer, publisher, clock, logger, keeper };
}

const kids = (keeper: KeySetKeeper) => keeper.current()?.keys.map((key) => key.kid);

describe('the keys of an issuer', () => {
  it('are fetched at the start and again on schedule', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    expect(kids(keeper)).toEqual(['key-1']);
    publisher.text = new FakeTokenIssuer({ kid: 'key-2' }).jwks();
    await clock.advance(10 * 60_000);
    expect([kids(keeper), publisher.fetches]).toEqual([['key-2'], 2]);
    keeper[Symbol.dispose]();
    await clock.advance(hour);
    expect([publisher.fetches, clock.pendingTimers]).toEqual([2, 0]);
  });

  it('are none while the issuer was away from the first: nothing stands in for them (adv:T15)', async () => {
    const { publisher, clock, logger, keeper } = setUp();
    publisher.isAway = true;
    await keeper.start();
    expect(await keeper.load(never)).toBeUndefined();
    expect(keeper.status()).toMatchObject({ usable: false, lastError: 'away', revision: undefined });
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { kept: 'none' } });
    publisher.isAway = false;
    await clock.advance(30_000);
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it.each(['<html></html>', '{"keys":{}}', '{"keys":[]}', '{"keys":[{"kty":"oct","k":"AAAA"}]}'])(
    'stay the last good ones when the issuer serves %s (adv:T14)',
    async (text) => {
      const { publisher, clock, keeper } = setUp();
      await keeper.start();
      publisher.text = text;
      await clock.advance(10 * 60_000);
      expect(publisher.fetches).toBe(2);
      expect(kids(keeper)).toEqual(['key-1']);
      expect(keeper.status()).toMatchObject({
        usable: true,
        lastError: expect.stringMatching(/not a JSON Web Key Set/),
      });
    },
  );

  it('stay usable for a day while the issuer is away, then are not (adv:T14)', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    publisher.isAway = true;
    await clock.advance(24 * hour);
    expect(kids(keeper)).toEqual(['key-1']);
    await clock.advance(1);
    expect(kids(keeper)).toBeUndefined();
  });

  it('do not age when the wall clock jumps', async () => {
    const { clock, keeper } = setUp();
    await keeper.start();
    clock.jumpWall(48 * hour);
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it('are asked for ever more rarely while the issuer is away, and at once again when it is back', async () => {
    const { publisher, clock, keeper } = setUp();
    publisher.isAway = true;
    await keeper.start();
    await clock.advance(2 * hour);
    const fetches = publisher.fetches;
    expect(fetches).toBeLessThan(12);
    publisher.isAway = false;
    await clock.advance(hour);
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it('are fetched again for a new kid', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    publisher.text = new FakeTokenIssuer({ kid: 'key-2' }).jwks();
    await clock.advance(30_000);
    expect(await keeper.refreshForKid('key-2', never)).toMatchObject({ outcome: 'found' });
  });

  it('are fetched once a cooldown for ten thousand unknown kids, at once or one by one (adv:T13)', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    await clock.advance(30_000);
    const asked = await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => keeper.refreshForKid(`unknown-${i}`, never)),
    );
    expect(new Set(asked.map(({ outcome }) => outcome))).toEqual(new Set(['absent']));
    expect(publisher.fetches).toBe(2);
    for (let i = 0; i < 100; i++) await keeper.refreshForKid(`more-${i}`, never);
    expect(publisher.fetches).toBe(2);
    await clock.advance(30_000);
    for (let i = 0; i < 100; i++) await keeper.refreshForKid(`others-${i}`, never);
    expect(publisher.fetches).toBe(3);
  });

  it('are not fetched for a kid that was found absent lately, nor for one of absurd length (adv:T13 adv:T10)', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    await clock.advance(30_000);
    await keeper.refreshForKid('ghost', never);
    await clock.advance(60_000);
    expect(await keeper.refreshForKid('ghost', never)).toEqual({ outcome: 'absent' });
    expect(await keeper.refreshForKid('K'.repeat(10_240), never)).toEqual({ outcome: 'absent' });
    expect(publisher.fetches).toBe(2);
    await clock.advance(4 * 60_000);
    await keeper.refreshForKid('ghost', never);
    expect(publisher.fetches).toBe(3);
  });

  it('that cannot be asked for a new kid are told apart from keys without it', async () => {
    const { publisher, clock, keeper } = setUp();
    await keeper.start();
    publisher.isAway = true;
    await clock.advance(30_000);
    expect(await keeper.refreshForKid('key-2', never)).toEqual({ outcome: 'failed' });
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it('are given up after five seconds when the issuer hangs (adv:N17)', async () => {
    const { publisher, clock, keeper } = setUp();
    publisher.hangs = true;
    const started = keeper.start();
    await clock.advance(5_000);
    await started;
    expect(keeper.status()).toMatchObject({ usable: false, lastError: expect.stringMatching(/deadline/) });
  });

  it('keep nobody waiting who has gone', async () => {
    const { publisher, keeper } = setUp();
    publisher.hangs = true;
    const gone = new AbortController();
    const loading = keeper.load(gone.signal);
    gone.abort(new Error('gone'));
    await expect(loading).rejects.toThrow('gone');
    keeper[Symbol.dispose]();
  });
});
