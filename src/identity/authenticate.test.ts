import { describe, expect, it } from 'vitest';
import { evidence } from '../../test/fakes/evidence.ts';
import { parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  authenticate,
  clientCertificateAuthenticator,
  type Standing,
} from './index.ts';

const never = new AbortController().signal;
const trustDomain = parseTrustDomain('cluster.local');
const cart = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
const till = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/till');

/** An authenticator that always says one thing, and counts how often it was asked. */
class Saying implements Authenticator {
  readonly name: string;
  readonly secondOpinion: Authenticator['secondOpinion'];
  readonly #says: AuthenticationResult | Error;
  asked = 0;

  constructor(
    name: string,
    says: AuthenticationResult | Error,
    secondOpinion: Authenticator['secondOpinion'] = 'always',
  ) {
    this.name = name;
    this.#says = says;
    this.secondOpinion = secondOpinion;
  }

  authenticate(): Promise<AuthenticationResult> {
    this.asked++;
    return this.#says instanceof Error ? Promise.reject(this.#says) : Promise.resolve(this.#says);
  }
}

const yes = (id: SpiffeId): AuthenticationResult => ({
  outcome: 'accepted',
  caller: { identities: [id], method: 'jwt', subject: id.path },
});
const no: AuthenticationResult = { outcome: 'rejected', reason: 'bad', detail: 'it is bad' };
const away: AuthenticationResult = { outcome: 'unavailable', reason: 'away', detail: 'it is away' };
const other: AuthenticationResult = { outcome: 'not-applicable' };
const certificate = (standing: Standing = { standing: 'good' }) =>
  clientCertificateAuthenticator({ trustDomain, standing: { standingOf: () => Promise.resolve(standing) } });

describe('the authenticators', () => {
  it('are asked in order until one succeeds; the failures before it are kept', async () => {
    const last = new Saying('last', yes(till));
    const chain = [new Saying('first', no), new Saying('second', away), new Saying('third', yes(cart)), last];
    const result = await authenticate(chain, evidence({ bearer: 'x' }), never);
    expect(result).toMatchObject({ outcome: 'accepted', caller: { identities: [cart] }, notes: [] });
    expect(result.attempts.map(({ outcome }) => outcome)).toEqual(['rejected', 'unavailable', 'accepted']);
    expect(last.asked).toBe(0);
  });

  it('refuse a caller who shows nothing (csr:A1)', async () => {
    const result = await authenticate([certificate(), new Saying('token', other)], evidence(), never);
    expect(result).toMatchObject({ outcome: 'rejected', reason: 'no-credential' });
    expect(await authenticate([], evidence(), never)).toMatchObject({ outcome: 'rejected' });
  });

  it('refuse plaintext unless it is allowed; a Unix socket is not plaintext (csr:A2)', async () => {
    const token = new Saying('token', yes(cart));
    const plain = evidence({
      bearer: 'x',
      transport: { kind: 'plaintext', peerIsLoopback: true, peerAddress: '127.0.0.1' },
    });
    expect(await authenticate([token], plain, never)).toMatchObject({
      outcome: 'rejected',
      reason: 'plaintext',
    });
    expect(token.asked).toBe(0);
    expect(await authenticate([token], plain, never, { plaintextAllowed: true })).toMatchObject({
      outcome: 'accepted',
    });
    const unix = evidence({ transport: { kind: 'unix', peerAddress: '' } });
    expect(await authenticate([token], unix, never)).toMatchObject({ outcome: 'accepted' });
  });

  it('that could not judge make the answer unavailable, not a refusal (adv:T18)', async () => {
    const result = await authenticate(
      [new Saying('a', no), new Saying('b', away), new Saying('c', no)],
      evidence(),
      never,
    );
    expect(result).toMatchObject({ outcome: 'unavailable', reason: 'away' });
  });

  it('that break are as one that is away, and the others go on', async () => {
    const broken = new Saying('broken', new Error('bug'));
    expect(await authenticate([broken], evidence(), never)).toMatchObject({
      outcome: 'unavailable',
      reason: 'authenticator-fault',
    });
    expect(await authenticate([broken, new Saying('ok', yes(cart))], evidence(), never)).toMatchObject({
      outcome: 'accepted',
    });
  });

  it('are not asked for a caller who has gone', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(authenticate([new Saying('a', yes(cart))], evidence(), gone)).rejects.toThrow('gone');
  });

  it('refuse two bearer tokens: nobody knows which was meant', async () => {
    const twice = evidence({ authorization: ['Bearer a', 'Bearer b'] });
    expect(await authenticate([new Saying('a', yes(cart))], twice, never)).toMatchObject({
      reason: 'several-bearer-tokens',
    });
  });
});

describe('a client certificate', () => {
  it('makes the caller the identity of its validated leaf (csr:A9)', async () => {
    const result = await authenticate([certificate()], evidence({ peerId: cart }), never);
    expect(result).toMatchObject({
      outcome: 'accepted',
      caller: { identities: [cart], method: 'client_cert' },
    });
  });

  it('counts by the leaf that was validated: a chain without a validated identity is nobody (adv:M11)', async () => {
    const leaves: Uint8Array[] = [];
    const standing = {
      standingOf: (leaf: Uint8Array): Promise<Standing> => {
        leaves.push(leaf);
        return Promise.resolve({ standing: 'good' });
      },
    };
    const chain = [clientCertificateAuthenticator({ trustDomain, standing })];
    const sent = [Uint8Array.of(9), Uint8Array.of(1)];
    expect(await authenticate(chain, evidence({ transport: { peerChain: sent } }), never)).toMatchObject({
      reason: 'no-credential',
    });
    const validated = { peerChain: [Uint8Array.of(1)], peerId: cart };
    expect(await authenticate(chain, evidence({ transport: validated }), never)).toMatchObject({
      outcome: 'accepted',
    });
    expect(leaves).toEqual([Uint8Array.of(1)]);
  });

  it.each([
    [{ standing: 'refused', reason: 'revoked', detail: 'x' }, 'rejected', 'certificate-revoked'],
    [{ standing: 'refused', reason: 'not-on-record', detail: 'x' }, 'rejected', 'certificate-not-on-record'],
    [
      { standing: 'refused', reason: 'not-registered', detail: 'x' },
      'rejected',
      'certificate-not-registered',
    ],
    [{ standing: 'unavailable', detail: 'x' }, 'unavailable', 'certificate-records'],
  ] as const)('whose standing is %j is %s', async (standing, outcome, reason) => {
    const result = await authenticate([certificate(standing)], evidence({ peerId: cart }), never);
    expect(result).toMatchObject({ outcome, reason });
  });

  it('of another trust domain makes no caller', async () => {
    const foreign = SpiffeId.parse('spiffe://other.example/ns/shop/sa/cart');
    const result = await authenticate([certificate()], evidence({ peerId: foreign }), never);
    expect(result).toMatchObject({ outcome: 'rejected', reason: 'foreign-trust-domain' });
  });

  it('says nothing on a connection that is not TLS', async () => {
    const unix = evidence({ peerId: cart, transport: { kind: 'unix' } });
    expect(await authenticate([certificate()], unix, never)).toMatchObject({ reason: 'no-credential' });
  });
});

describe('a certificate and a bearer token together', () => {
  const both = evidence({ peerId: cart, bearer: 'x' });

  it('that agree are one caller, by the certificate', async () => {
    const result = await authenticate([certificate(), new Saying('token', yes(cart))], both, never, {
      strict: true,
    });
    expect(result).toMatchObject({ outcome: 'accepted', caller: { method: 'client_cert' }, notes: [] });
  });

  it('that disagree are the certificate, with a note for the audit (csr:A11)', async () => {
    const result = await authenticate([certificate(), new Saying('token', yes(till))], both, never);
    expect(result).toMatchObject({
      outcome: 'accepted',
      caller: { identities: [cart] },
      notes: [
        { code: 'token-disagrees-with-certificate', detail: `certificate ${cart.uri}, token ${till.path}` },
      ],
    });
  });

  it('that disagree are refused under strict (adv:M12)', async () => {
    const result = await authenticate([certificate(), new Saying('token', yes(till))], both, never, {
      strict: true,
    });
    expect(result).toMatchObject({ outcome: 'rejected', reason: 'token-disagrees-with-certificate' });
  });

  it.each([no, other])(
    'where the token is not proved (%j) are noted, or refused under strict (csr:A11 adv:M12)',
    async (answer) => {
      const chain = [certificate(), new Saying('token', answer)];
      expect(await authenticate(chain, both, never)).toMatchObject({
        outcome: 'accepted',
        notes: [{ code: 'token-beside-certificate-not-proved' }],
      });
      expect(await authenticate(chain, both, never, { strict: true })).toMatchObject({ outcome: 'rejected' });
    },
  );

  it('where the token cannot be judged are noted, or unavailable under strict (adv:M12)', async () => {
    const chain = [certificate(), new Saying('token', away)];
    expect(await authenticate(chain, both, never)).toMatchObject({ outcome: 'accepted' });
    expect(await authenticate(chain, both, never, { strict: true })).toMatchObject({
      outcome: 'unavailable',
    });
  });

  it('use up no single-use token, and ask an API server only under strict', async () => {
    const join = new Saying('join', yes(till), 'never');
    const review = new Saying('review', yes(till), 'strict');
    const chain = [certificate(), review, join];
    await authenticate(chain, both, never);
    expect([join.asked, review.asked]).toEqual([0, 0]);
    expect(await authenticate(chain, both, never, { strict: true })).toMatchObject({ outcome: 'rejected' });
    expect([join.asked, review.asked]).toEqual([0, 1]);
  });
});
