import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { type EvidenceParts, evidence } from '../../test/fakes/evidence.ts';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import {
  fixedKeySet,
  KeySetKeeper,
  type KeySetSource,
  parseKeySet,
  VerifiedTokenCache,
} from '../jwt/index.ts';
import { parseTrustDomain } from '../spiffe/index.ts';
import {
  clusterNames,
  type IdentityMapping,
  jwtIssuer,
  jwtIssuersAuthenticator,
  parseIdentityTemplate,
} from './index.ts';

const never = new AbortController().signal;
const trustDomain = parseTrustDomain('cluster.local');
const clock = new FakeClock();
const kubernetes = new FakeTokenIssuer({ issuer: 'https://kubernetes.default.svc', kid: 'k8s' });
const robots = new FakeTokenIssuer({ issuer: 'https://ci.example', kid: 'ci' });
const clusters = clusterNames({
  ownId: 'Kubernetes',
  aliases: { main: 'Kubernetes', odd: 'nowhere' },
  remoteIds: ['west'],
});

const source = (issuer: FakeTokenIssuer) => fixedKeySet(parseKeySet(issuer.jwks()));
const accounts: IdentityMapping = { kind: 'service-account', clusterId: 'Kubernetes' };
const template = (text: string): IdentityMapping => ({
  kind: 'template',
  template: parseIdentityTemplate(text, trustDomain),
});
const issuerOf = (fake: FakeTokenIssuer, mapping: IdentityMapping, keys: KeySetSource = source(fake)) =>
  jwtIssuer({ issuer: fake.issuer, audiences: ['istio-ca'], keys, mapping });

const authenticator = (
  issuers = [
    issuerOf(kubernetes, accounts),
    issuerOf(robots, template('/ns/{claims.namespace}/sa/{claims.account}')),
  ],
) => jwtIssuersAuthenticator({ trustDomain, clusters, issuers, cache: new VerifiedTokenCache(), clock });

const base = { aud: ['istio-ca'], exp: clock.now() / 1000 + 600 };
const account = (sub: unknown = 'system:serviceaccount:shop:cart', extra: Record<string, unknown> = {}) =>
  kubernetes.token({ ...base, sub, ...extra });
const ask = (parts: EvidenceParts, using = authenticator()) => using.authenticate(evidence(parts), never);
const bound = {
  namespace: 'shop',
  pod: { name: 'cart-7', uid: 'u-7' },
  node: { name: 'node-a', uid: 'n' },
  serviceaccount: { name: 'cart', uid: 's' },
};

describe('a service account token', () => {
  it('makes its account the caller, without a clusterid (csr:A5)', async () => {
    expect(await ask({ bearer: account() })).toMatchObject({
      outcome: 'accepted',
      caller: {
        method: 'jwt',
        identities: [{ uri: 'spiffe://cluster.local/ns/shop/sa/cart' }],
        node: { clusterId: 'Kubernetes', namespace: 'shop', serviceAccount: 'cart' },
        subject: 'system:serviceaccount:shop:cart',
      },
    });
  });

  it('says where the caller runs, if it is bound to a pod', async () => {
    const result = await ask({ bearer: account(undefined, { 'kubernetes.io': bound }) });
    expect(result).toMatchObject({ caller: { node: { name: 'node-a', podName: 'cart-7', podUid: 'u-7' } } });
  });

  it.each([
    [{ ...bound, namespace: 'bank' }, 'jwt-bound-claims-contradicts-subject'],
    [{ ...bound, serviceaccount: { name: 'till' } }, 'jwt-bound-claims-contradicts-subject'],
    [{ ...bound, pod: 'cart-7' }, 'jwt-bound-claims-malformed'],
    [{ ...bound, pod: { name: 'cart-7', uid: 7 } }, 'jwt-bound-claims-malformed'],
    ['shop', 'jwt-bound-claims-malformed'],
  ])('whose bound objects are %j is refused (adv:T17 adv:T25)', async (claim, reason) => {
    expect(await ask({ bearer: account(undefined, { 'kubernetes.io': claim }) })).toMatchObject({ reason });
  });

  it.each([
    ['authorization: bearer', { authorization: [`bearer ${account()}`] }],
    ['authorization: BEARER', { authorization: [`BEARER ${account()}`] }],
    ['authorization: Istio', { authorization: [`Istio ${account()}`] }],
    ['authorization: Bearer without a blank', { authorization: [`Bearer${account()}`] }],
    ['authorization: Bearer without a token', { authorization: ['Bearer   '] }],
  ])('is not read from `%s` (csr:A3)', async (_name, parts) => {
    expect(await ask(parts)).toEqual({ outcome: 'not-applicable' });
  });

  it('is read with blanks around it', async () => {
    expect(await ask({ authorization: [`Bearer  ${account()} \n`] })).toMatchObject({ outcome: 'accepted' });
  });

  it.each([
    [['nowhere'], 'unknown-cluster'],
    [['kubernetes'], 'unknown-cluster'],
    [['odd'], 'unknown-cluster'],
    [['west'], 'unknown-cluster'],
    [['Kubernetes,west'], 'unknown-cluster'],
  ])('with the clusterid %j is refused (csr:A4 adv:T16)', async (clusterId, reason) => {
    expect(await ask({ bearer: account(), clusterId })).toMatchObject({ outcome: 'rejected', reason });
  });

  it.each([[['Kubernetes']], [['main']], [['']], [[' Kubernetes ']], [['nowhere', 'west']]])(
    'with the clusterid %j is of our own cluster: its ID, an alias, none, or two that count as none (csr:A5 csr:A6)',
    async (clusterId) => {
      expect(await ask({ bearer: account(), clusterId })).toMatchObject({ outcome: 'accepted' });
    },
  );

  it('for another audience, expired, or of another issuer is refused (csr:A7 csr:A12 adv:T16)', async () => {
    expect(await ask({ bearer: account(undefined, { aud: 'other' }) })).toMatchObject({
      reason: 'jwt-audience-not-allowed',
    });
    expect(await ask({ bearer: account(undefined, { exp: 1 }) })).toMatchObject({ reason: 'jwt-expired' });
    const other = new FakeTokenIssuer({ issuer: 'https://other.example', kid: 'k8s' });
    expect(await ask({ bearer: other.token({ ...base, sub: 'system:serviceaccount:shop:cart' }) })).toEqual({
      outcome: 'not-applicable',
    });
    const forged = new FakeTokenIssuer({ issuer: kubernetes.issuer, kid: 'k8s' });
    expect(await ask({ bearer: forged.token({ ...base, sub: 'x' }) })).toMatchObject({
      reason: 'jwt-signature-invalid',
    });
  });

  it.each([
    'bar:foo',
    'system:serviceaccount:shop',
    'system:serviceaccount:shop:cart:more',
    'system:serviceaccount::cart',
    'system:serviceaccount:shop:',
    'system:serviceaccounts:shop:cart',
    'system:serviceaccount:shop:cart/../till',
    'system:serviceaccount:shop:cart,spiffe',
    'system:serviceaccount:Shop:cart',
    'system:serviceaccount:..:cart',
    '',
    undefined,
  ])('whose sub is %j is refused, and nothing breaks (csr:A8 csr:A12)', async (sub) => {
    expect(await ask({ bearer: account(sub ?? null) })).toMatchObject({ outcome: 'rejected' });
  });

  it('of a cluster with the same issuer name is told apart by clusterid and key (adv:T16)', async () => {
    const west = new FakeTokenIssuer({ issuer: kubernetes.issuer, kid: 'k8s' });
    const using = authenticator([
      issuerOf(kubernetes, accounts),
      issuerOf(west, { kind: 'service-account', clusterId: 'west' }),
    ]);
    const token = west.token({ ...base, sub: 'system:serviceaccount:shop:cart' });
    expect(await ask({ bearer: token, clusterId: ['west'] }, using)).toMatchObject({
      caller: { node: { clusterId: 'west' } },
    });
    expect(await ask({ bearer: token }, using)).toMatchObject({ outcome: 'rejected' });
  });
});

describe('a token whose identity comes of a template', () => {
  const using = (text: string) => authenticator([issuerOf(robots, template(text))]);
  const robot = (claims: Record<string, unknown>) => robots.token({ ...base, ...claims });

  it('is the ID that its claims fill in, whatever clusterid says', async () => {
    const bearer = robot({ sub: 'robot', namespace: 'shop', account: 'cart' });
    expect(await ask({ bearer, clusterId: ['nowhere'] })).toMatchObject({
      outcome: 'accepted',
      caller: {
        identities: [{ uri: 'spiffe://cluster.local/ns/shop/sa/cart' }],
        subject: 'https://ci.example#robot',
      },
    });
  });

  it('may take claims within claims, and from names with dots', async () => {
    const text = "spiffe://{trustDomain}/ci/{claims.repo.owner}/{claims['a.b'].x}";
    const bearer = robot({ repo: { owner: 'me' }, 'a.b': { x: 'deep' } });
    expect(await ask({ bearer }, using(text))).toMatchObject({
      caller: { identities: [{ path: '/ci/me/deep' }] },
    });
  });

  it.each([
    [{ name: 'a/b' }],
    [{ name: 'a%2fb' }],
    [{ name: '..' }],
    [{ name: '.' }],
    [{ name: '' }],
    [{ name: 'a b' }],
    [{ name: 'ä' }],
    [{ name: 7 }],
    [{ name: ['a'] }],
    [{ name: { a: 'b' } }],
    [{ name: null }],
    [{}],
  ])('fails when a claim does not fill exactly one segment: %j', async (claims) => {
    expect(await ask({ bearer: robot(claims) }, using('/ci/{name}'))).toMatchObject({
      reason: 'jwt-claim-unusable',
    });
  });

  it.each(['castellan'])('cannot become a node, though its claim is %j', async (name) => {
    const bearer = robot({ name, next: 'agent' });
    expect(await ask({ bearer }, using('/{name}/{next}'))).toMatchObject({ reason: 'jwt-reserved-id' });
  });

  it.each([
    '/castellan/agent/{name}',
    '/ci/robot',
    '/ci/{name}-{other}',
    '/ci/x{name}',
    '/ci//{name}',
    '/ci/../{name}',
    '/ci/{name}/',
    '/ci/{claims}',
    '/ci/{claims.}',
    '/ci/{na me}',
    'spiffe://other.example/{name}',
    'ci/{name}',
    '',
  ])('is not read from the template %j', (text) => {
    expect(() => template(text)).toThrow(expect.objectContaining({ code: 'IDENTITY_TEMPLATE_MALFORMED' }));
  });
});

describe('keys that are away', () => {
  const setUp = () => {
    let published: string | Error = kubernetes.jwks();
    let fetches = 0;
    const fetch = () => {
      fetches++;
      return published instanceof Error ? Promise.reject(published) : Promise.resolve(published);
    };
    const time = new FakeClock();
    const keeper = new KeySetKeeper({ name: 'k8s', fetcher: { fetch }, clock: time });
    const issuers = [issuerOf(kubernetes, accounts, keeper), issuerOf(robots, template('/ci/{name}'))];
    const using = jwtIssuersAuthenticator({
      trustDomain,
      clusters,
      issuers,
      cache: new VerifiedTokenCache(),
      clock: time,
    });
    return { using, time, publish: (text: string | Error) => (published = text), fetches: () => fetches };
  };

  it('from the first make the issuer unavailable, and other issuers do not mind (adv:T15 adv:N17)', async () => {
    const { using, publish, time } = setUp();
    publish(new Error('away'));
    expect(await ask({ bearer: account() }, using)).toMatchObject({
      outcome: 'unavailable',
      reason: 'jwt-keys',
    });
    expect(await ask({ bearer: robots.token({ ...base, name: 'x' }) }, using)).toMatchObject({
      outcome: 'accepted',
    });
    publish(kubernetes.jwks());
    await time.advance(30_000);
    expect(await ask({ bearer: account() }, using)).toMatchObject({ outcome: 'accepted' });
  });

  it('are asked for once when a token names a new one (adv:T13)', async () => {
    const { using, publish, time, fetches } = setUp();
    await ask({ bearer: account() }, using);
    await time.advance(30_000);
    const rotated = new FakeTokenIssuer({ issuer: kubernetes.issuer, kid: 'k8s-2' });
    publish(JSON.stringify({ keys: [kubernetes.jwk(), rotated.jwk()] }));
    const bearer = rotated.token({ ...base, sub: 'system:serviceaccount:shop:cart' });
    expect(await ask({ bearer }, using)).toMatchObject({ outcome: 'accepted' });
    expect(fetches()).toBe(2);
  });

  it('are asked for once however many tokens name unknown ones (adv:T13)', async () => {
    const { using, time, fetches } = setUp();
    await ask({ bearer: account() }, using);
    await time.advance(30_000);
    const asked = Array.from({ length: 1_000 }, (_, i) =>
      ask({ bearer: kubernetes.token({ ...base, sub: 's' }, { kid: `unknown-${i}` }) }, using),
    );
    const reasons = (await Promise.all(asked)).map((result) =>
      'reason' in result ? result.reason : result.outcome,
    );
    expect([...new Set(reasons)]).toEqual(['jwt-no-matching-key']);
    expect(fetches()).toBe(2);
  });
});
