import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { evidence } from '../../test/fakes/evidence.ts';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { parseTrustDomain } from '../spiffe/index.ts';
import {
  clusterNames,
  type TokenReviewer,
  type TokenReviewOptions,
  type TokenReviewStatus,
  tokenReviewAuthenticator,
} from './index.ts';

const never = new AbortController().signal;
const trustDomain = parseTrustDomain('cluster.local');
const clusters = clusterNames({ ownId: 'Kubernetes', remoteIds: ['west'] });
const good: TokenReviewStatus = {
  authenticated: true,
  username: 'system:serviceaccount:shop:cart',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
  audiences: ['istio-ca'],
  extra: new Map([
    ['authentication.kubernetes.io/pod-name', ['cart-7']],
    ['authentication.kubernetes.io/pod-uid', ['u-7']],
    ['authentication.kubernetes.io/node-name', ['node-a']],
  ]),
};

/** An API server whose answer can be changed; it can be away or hang. */
class FakeReviewer implements TokenReviewer {
  status: TokenReviewStatus = good;
  isAway = false;
  hangs = false;
  asked = 0;

  review(_token: string, _audiences: readonly string[], signal: AbortSignal): Promise<TokenReviewStatus> {
    this.asked++;
    if (this.isAway) return Promise.reject(new Error('connection refused'));
    if (!this.hangs) return Promise.resolve(this.status);
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
  }
}

function setUp(options: Partial<TokenReviewOptions> = {}) {
  const clock = new FakeClock();
  const reviewer = new FakeReviewer();
  const reviewers = new Map([['Kubernetes', reviewer]]);
  const desk = tokenReviewAuthenticator({
    trustDomain,
    clusters,
    reviewers,
    audiences: ['istio-ca'],
    clock,
    ...options,
  });
  const ask = (bearer = 'opaque', clusterId: string[] = []) =>
    desk.authenticate(evidence({ bearer, clusterId }), never);
  return { clock, reviewer, ask };
}

describe('a token that the API server reviews', () => {
  it('makes its account the caller, with pod and node', async () => {
    const { ask } = setUp();
    expect(await ask()).toMatchObject({
      outcome: 'accepted',
      caller: {
        method: 'k8s_sat',
        identities: [{ uri: 'spiffe://cluster.local/ns/shop/sa/cart' }],
        node: { clusterId: 'Kubernetes', podName: 'cart-7', podUid: 'u-7', name: 'node-a' },
      },
    });
  });

  it.each([
    [{ authenticated: false }, 'token-review-denied'],
    [{ audiences: [] }, 'token-review-audience'],
    [{ audiences: ['https://kubernetes.default.svc'] }, 'token-review-audience'],
    [{ audiences: ['Istio-CA'] }, 'token-review-audience'],
    [{ groups: ['system:authenticated'] }, 'not-a-service-account'],
    [{ username: 'system:serviceaccount:shop' }, 'not-a-service-account'],
    [{ username: 'system:serviceaccount:shop:cart:x' }, 'not-a-service-account'],
    [{ username: 'system:node:node-a' }, 'not-a-service-account'],
    [{ username: 'alice' }, 'not-a-service-account'],
    [{ username: '' }, 'not-a-service-account'],
  ])('and of which it says %j is refused (csr:A7 csr:A8 adv:T17)', async (part, reason) => {
    const { reviewer, ask } = setUp();
    reviewer.status = { ...good, ...part };
    expect(await ask()).toMatchObject({ outcome: 'rejected', reason });
  });

  it('goes to the API server of its cluster, or is refused (csr:A4 csr:A6)', async () => {
    const { reviewer, ask } = setUp();
    expect(await ask('t', ['nowhere'])).toMatchObject({ reason: 'unknown-cluster' });
    expect(await ask('t', ['west'])).toMatchObject({ reason: 'unknown-cluster' });
    expect(reviewer.asked).toBe(0);
    expect(await ask('t', ['nowhere', 'west'])).toMatchObject({ outcome: 'accepted' });
  });

  it('is asked about once a minute, and no more than so long after its pod is gone (adv:T17)', async () => {
    const { clock, reviewer, ask } = setUp();
    await ask();
    await ask();
    expect(reviewer.asked).toBe(1);
    reviewer.status = { ...good, authenticated: false };
    await clock.advance(60_000);
    expect(await ask()).toMatchObject({ outcome: 'rejected' });
    expect(reviewer.asked).toBe(2);
  });

  it('is not remembered past its own end', async () => {
    const { clock, reviewer, ask } = setUp();
    const token = new FakeTokenIssuer().token({ exp: clock.now() / 1000 + 10 });
    await ask(token);
    await clock.advance(10_000);
    reviewer.status = { ...good, authenticated: false };
    expect(await ask(token)).toMatchObject({ outcome: 'rejected' });
  });

  it('that was refused is asked about again', async () => {
    const { reviewer, ask } = setUp();
    reviewer.status = { ...good, authenticated: false };
    await ask();
    reviewer.status = good;
    expect(await ask()).toMatchObject({ outcome: 'accepted' });
  });

  it('is asked about once when many show it at the same time', async () => {
    const { reviewer, ask } = setUp();
    await Promise.all(Array.from({ length: 8 }, () => ask()));
    expect(reviewer.asked).toBe(1);
  });

  it('is remembered within bounds', async () => {
    const { reviewer, ask } = setUp({ cacheCapacity: 2 });
    for (const token of ['a', 'b', 'c', 'a']) await ask(token);
    expect(reviewer.asked).toBe(4);
  });

  it('is unavailable, not refused, while the API server is away (adv:T18)', async () => {
    const { reviewer, ask } = setUp();
    reviewer.isAway = true;
    expect(await ask()).toMatchObject({ outcome: 'unavailable', reason: 'token-review' });
  });

  it('is unavailable two seconds after the API server began to hang (adv:T18)', async () => {
    const { clock, reviewer, ask } = setUp();
    reviewer.hangs = true;
    const asked = ask();
    await clock.advance(2_000);
    expect(await asked).toMatchObject({ outcome: 'unavailable' });
  });

  it('is not brought to an API server that keeps failing, until one attempt shows that it is back (adv:T18)', async () => {
    const { clock, reviewer, ask } = setUp();
    reviewer.isAway = true;
    for (let i = 0; i < 20; i++) expect(await ask(`token-${i}`)).toMatchObject({ outcome: 'unavailable' });
    expect(reviewer.asked).toBe(5);
    await clock.advance(10_000);
    await ask('probe');
    await ask('probe');
    expect(reviewer.asked).toBe(6);
    reviewer.isAway = false;
    await clock.advance(10_000);
    expect(await ask('probe')).toMatchObject({ outcome: 'accepted' });
    expect(await ask('next')).toMatchObject({ outcome: 'accepted' });
  });

  it('of absurd size is not brought there at all (adv:T19)', async () => {
    const { reviewer, ask } = setUp();
    expect(await ask('x'.repeat(20_000))).toMatchObject({ reason: 'token-too-large' });
    expect(reviewer.asked).toBe(0);
  });

  it('that is a join token never is', async () => {
    const { reviewer, ask } = setUp();
    expect(await ask('castellan_join_abc')).toEqual({ outcome: 'not-applicable' });
    expect(reviewer.asked).toBe(0);
  });
});
