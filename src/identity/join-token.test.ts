import { describe, expect, it } from 'vitest';
import { evidence } from '../../test/fakes/evidence.ts';
import { FakeRandom } from '../../test/fakes/random.ts';
import { parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import {
  hashJoinToken,
  type JoinTokenRedeemer,
  type JoinTokenRedemption,
  joinTokenAuthenticator,
  mintJoinToken,
} from './index.ts';

const never = new AbortController().signal;
const trustDomain = parseTrustDomain('cluster.local');
const cart = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');

/** A table of unused tokens by hash: the first who takes one has it. */
class FakeTable implements JoinTokenRedeemer {
  readonly unused = new Map<string, SpiffeId>();
  asked = 0;
  isAway = false;

  redeem(hash: string): Promise<JoinTokenRedemption> {
    this.asked++;
    if (this.isAway) return Promise.resolve({ outcome: 'unavailable', detail: 'disk full' });
    const spiffeId = this.unused.get(hash);
    this.unused.delete(hash);
    return Promise.resolve(spiffeId ? { outcome: 'redeemed', spiffeId } : { outcome: 'refused' });
  }
}

function setUp(id = cart) {
  const table = new FakeTable();
  const { token, hash } = mintJoinToken(new FakeRandom());
  table.unused.set(hash, id);
  const authenticator = joinTokenAuthenticator({ trustDomain, redeemer: table });
  const show = (bearer: string) => authenticator.authenticate(evidence({ bearer }), never);
  return { table, token: token.reveal(), show };
}

describe('a join token', () => {
  it('makes its holder the identity it was made for, once (adv:T20)', async () => {
    const { token, show } = setUp();
    expect(await show(token)).toMatchObject({
      outcome: 'accepted',
      caller: { identities: [cart], method: 'join_token' },
    });
    expect(await show(token)).toMatchObject({ outcome: 'rejected', reason: 'join-token-refused' });
  });

  it('has 256 random bits, is printed by nobody, and is kept only as a hash (adv:T22)', () => {
    const { token, hash } = mintJoinToken(new FakeRandom());
    expect(token.reveal()).toMatch(/^castellan_join_[A-Za-z0-9_-]{43}$/);
    expect(JSON.stringify({ token, hash })).not.toContain(token.reveal().slice(15));
    expect(hashJoinToken(token.reveal())).toBe(hash);
    expect(mintJoinToken(new FakeRandom('other')).hash).not.toBe(hash);
  });

  it.each([
    'castellan_join_',
    'castellan_join_short',
    `castellan_join_${'a'.repeat(44)}`,
    `castellan_join_${'='.repeat(43)}`,
  ])('of the wrong shape is refused without a look at the table: %s (adv:T22)', async (token) => {
    const { table, show } = setUp();
    expect(await show(token)).toMatchObject({ reason: 'join-token-malformed' });
    expect(table.asked).toBe(0);
  });

  it('that is unknown is refused (adv:T22)', async () => {
    const { show } = setUp();
    expect(await show(`castellan_join_${'a'.repeat(43)}`)).toMatchObject({ reason: 'join-token-refused' });
  });

  it('for another trust domain is refused (adv:T22)', async () => {
    const { token, show } = setUp(SpiffeId.parse('spiffe://other.example/x'));
    expect(await show(token)).toMatchObject({ outcome: 'rejected', reason: 'foreign-trust-domain' });
  });

  it('is not judged while the table is away', async () => {
    const { table, token, show } = setUp();
    table.isAway = true;
    expect(await show(token)).toMatchObject({ outcome: 'unavailable', reason: 'join-token-store' });
  });

  it.each(['eyJhbGciOiJub25lIn0.e30.', 'Castellan_join_x', 'x castellan_join_'])(
    'table is never asked about other bearers: %s',
    async (bearer) => {
      const { table, show } = setUp();
      expect(await show(bearer)).toEqual({ outcome: 'not-applicable' });
      expect(table.asked).toBe(0);
    },
  );
});
