import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubernetesTokenReviewer } from '../../src/adapters/token-review/index.ts';
import { parseIpBlock } from '../../src/base/ip.ts';
import { authenticate, clusterNames, tokenReviewAuthenticator } from '../../src/identity/index.ts';
import { parseTrustDomain } from '../../src/spiffe/index.ts';
import { outboundClient } from '../../src/wire/outbound/index.ts';
import { FakeClock } from '../fakes/clock.ts';
import { evidence } from '../fakes/evidence.ts';
import { FakeKubernetesApi } from '../fakes/kubernetes-api.ts';

const never = new AbortController().signal;
const cart = {
  username: 'system:serviceaccount:shop:cart',
  audiences: ['istio-ca'],
  podName: 'cart-7',
  podUid: 'u-7',
};

describe('token review by a Kubernetes API server', () => {
  let api: FakeKubernetesApi;
  let directory: string;
  let clock: FakeClock;
  beforeEach(async () => {
    api = await FakeKubernetesApi.start();
    directory = mkdtempSync(join(tmpdir(), 'review-'));
    writeFileSync(join(directory, 'token'), 'reviewer\n');
    writeFileSync(join(directory, 'ca.crt'), api.ca);
    clock = new FakeClock();
  });
  afterEach(async () => {
    await api[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  const chain = () => {
    const allow = [parseIpBlock('127.0.0.1')].filter((range) => range !== undefined);
    const reviewer = kubernetesTokenReviewer({
      client: outboundClient({ clock, allow, privateAllowed: true }),
      server: api.url,
      tokenFile: join(directory, 'token'),
      caFile: join(directory, 'ca.crt'),
    });
    return [
      tokenReviewAuthenticator({
        trustDomain: parseTrustDomain('cluster.local'),
        clusters: clusterNames({ ownId: 'Kubernetes' }),
        reviewers: new Map([['Kubernetes', reviewer]]),
        audiences: ['istio-ca'],
        clock,
      }),
    ];
  };
  const show = (bearer: string, using = chain()) => authenticate(using, evidence({ bearer }), never);

  it('accepts a token that it knows, with its pod', async () => {
    api.tokens.set('good', cart);
    expect(await show('good')).toMatchObject({
      outcome: 'accepted',
      caller: {
        identities: [{ uri: 'spiffe://cluster.local/ns/shop/sa/cart' }],
        node: { podName: 'cart-7', podUid: 'u-7' },
      },
    });
  });

  it('refuses a token whose pod or account is gone, or that never was (adv:T17)', async () => {
    const using = chain();
    api.tokens.set('good', cart);
    expect(await show('good', using)).toMatchObject({ outcome: 'accepted' });
    api.tokens.delete('good');
    await clock.advance(60_000);
    expect(await show('good', using)).toMatchObject({ outcome: 'rejected', reason: 'token-review-denied' });
    expect(await show('unknown', using)).toMatchObject({ outcome: 'rejected' });
  });

  it('refuses a token for another audience, a legacy one for none, and a reply that names none (csr:A7 adv:T17)', async () => {
    api.tokens.set('other', { ...cart, audiences: ['vault'] });
    api.tokens.set('legacy', { ...cart, audiences: [] });
    expect(await show('other')).toMatchObject({ outcome: 'rejected', reason: 'token-review-denied' });
    expect(await show('legacy')).toMatchObject({ outcome: 'rejected', reason: 'token-review-denied' });
    api.forgetsAudiences = true;
    expect(await show('legacy')).toMatchObject({ outcome: 'rejected', reason: 'token-review-audience' });
  });

  it.each(['failing', 'forbidding', 'talking nonsense'] as const)(
    'is unavailable while the API server is %s (adv:T18)',
    async (mode) => {
      api.tokens.set('good', cart);
      api.mode = mode;
      const using = chain();
      expect(await show('good', using)).toMatchObject({ outcome: 'unavailable' });
      api.mode = 'well';
      expect(await show('good', using)).toMatchObject({ outcome: 'accepted' });
    },
  );

  it('is unavailable after two seconds of silence (adv:T18)', async () => {
    api.mode = 'silent';
    const shown = show('good');
    while (api.reviews === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(2_000);
    expect(await shown).toMatchObject({ outcome: 'unavailable' });
  });

  it('is unavailable when nobody listens, and spares the address after five failures (adv:T18)', async () => {
    const using = chain();
    await api[Symbol.asyncDispose]();
    for (let i = 0; i < 5; i++) expect(await show(`t${i}`, using)).toMatchObject({ outcome: 'unavailable' });
    expect(await show('t6', using)).toMatchObject({
      outcome: 'unavailable',
      detail: expect.stringMatching(/not asked/),
    });
    api = await FakeKubernetesApi.start();
  });

  it('reads our own token and authority anew each time, as the kubelet changes them', async () => {
    api.tokens.set('good', cart);
    const using = chain();
    writeFileSync(join(directory, 'token'), 'stale');
    expect(await show('good', using)).toMatchObject({ outcome: 'unavailable' });
    writeFileSync(join(directory, 'token'), 'reviewer');
    expect(await show('good', using)).toMatchObject({ outcome: 'accepted' });
  });
});
