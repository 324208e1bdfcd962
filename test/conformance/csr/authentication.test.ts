import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeKubernetesApi } from '../../fakes/kubernetes-api.ts';
import { AccountIssuer, getCertificate, scratchDirectory } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import { makeCsr } from '../../support/foreign-pki.ts';
import { IstioClient } from '../../support/istio-client.ts';
import { rawCall } from '../../support/raw-call.ts';

type Headers = Readonly<Record<string, string | readonly string[]>>;

const refusal = { code: status.UNAUTHENTICATED, details: 'request authenticate failure' };
const shop = 'spiffe://cluster.local/ns/shop/sa/cart';

const accounts = new AccountIssuer();
let ca: Castellan;

beforeAll(async () => {
  ca = await castellan({
    settings: `${accounts.settings}plaintext: { enabled: true, port: 0 }\n`,
  });
});
afterAll(() => ca[Symbol.asyncDispose]());

/** The identity of the leaf that a caller with these headers gets. */
async function identityFor(headers: Headers, client = ca.client()): Promise<string | undefined> {
  using _client = client;
  const { chain } = await client.create({ csr: (await makeCsr()).pem }, headers);
  return leafOf(chain).san?.uris[0];
}

async function refusalOf(headers: Headers, client = ca.client()): Promise<ServiceError> {
  using _client = client;
  return await client.refused({ csr: (await makeCsr()).pem }, headers);
}

/** What an operator is told about a refused request and its caller is not. */
async function reasonFor(error: ServiceError, server = ca): Promise<string | undefined> {
  const [requestId] = error.metadata.get('x-castellan-request-id');
  const refusals = server.server.state.store.refusals;
  for (let i = 0; i < 100; i++) {
    const found = await refusals.find(String(requestId));
    if (found !== undefined) return found.detail;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

describe('a caller of the CSR door', () => {
  it('without any credential is refused in Istio’s words (csr:A1)', async () => {
    const error = await refusalOf({});
    expect(error).toMatchObject(refusal);
    expect(await reasonFor(error)).toContain('no-credential');
  });

  it('over plaintext is refused, whatever it shows (csr:A2)', async () => {
    const plaintext = ca.server.endpoints.csrPlaintext ?? '';
    const error = await refusalOf(
      accounts.bearer(),
      new IstioClient(plaintext, credentials.createInsecure()),
    );
    expect(error).toMatchObject(refusal);
    expect(await reasonFor(error)).toContain('plaintext');
  });

  it.each([
    ['in lower case', (token: string) => `bearer ${token}`],
    ['named Istio, as the HTTP path has it', (token: string) => `Istio ${token}`],
    ['missing', (token: string) => token],
  ])('with a token whose scheme is %s is refused (csr:A3)', async (_name, header) => {
    expect(await refusalOf({ authorization: header(accounts.token()) })).toMatchObject(refusal);
  });

  it('with a token for a cluster that we do not know is refused (csr:A4)', async () => {
    const error = await refusalOf({ ...accounts.bearer(), clusterid: 'elsewhere' });
    expect(error).toMatchObject(refusal);
    expect(await reasonFor(error)).toContain('cluster');
  });

  it.each([
    ['without clusterid', {}],
    ['with our own', { clusterid: 'Kubernetes' }],
    ['with an empty one', { clusterid: '' }],
  ])('%s gets the identity of its account (csr:A5)', async (_name, headers) => {
    expect(await identityFor({ ...accounts.bearer(), ...headers })).toBe(shop);
  });

  it('with two values of clusterid counts as without (csr:A6)', async () => {
    expect(await identityFor({ ...accounts.bearer(), clusterid: ['elsewhere', 'nowhere'] })).toBe(shop);
  });

  it('with a token for another audience is refused (csr:A7 adv:T08)', async () => {
    const error = await refusalOf(accounts.bearer({ audience: ['vault'] }));
    expect(error).toMatchObject(refusal);
    expect(await reasonFor(error)).toContain('audience');
  });

  it.each([
    ['a subject that is no service account', { claims: { sub: 'bar:foo' } }],
    ['a subject with too few parts', { claims: { sub: 'system:serviceaccount:shop' } }],
    ['an end in the past', { lifetime: -60 }],
    ['another audience', { audience: 'istio-cb' }],
  ])('with a token with %s is refused (csr:A12)', async (_name, token) => {
    expect(await refusalOf(accounts.bearer(token))).toMatchObject(refusal);
  });

  it('with two tokens is refused: which of them would count?', async () => {
    const authorization = [accounts.token(), accounts.token({ account: 'other' })].map((t) => `Bearer ${t}`);
    const server = { address: ca.address, rootsPem: ca.rootsPem() };
    const { grpcStatus } = await rawCall(server, { csr: (await makeCsr()).pem }, { authorization });
    expect(grpcStatus).toBe(String(status.UNAUTHENTICATED));
  });

  it('with a header of Istio’s CA_HEADER_ kind that we do not know is served', async () => {
    expect(await identityFor({ ...accounts.bearer(), 'x-anything': 'at all' })).toBe(shop);
  });

  it('is told nothing but the code, the sentence and where an operator can look', async () => {
    const error = await refusalOf(accounts.bearer({ audience: ['vault'] }));
    const said = JSON.stringify(error.metadata.toJSON()) + error.message;
    const details = error.metadata.get('grpc-status-details-bin').map(String).join('');
    expect(`${said}${details}`).not.toMatch(/audience|vault|issuer/);
    expect(error.metadata.get('x-castellan-request-id')).toEqual([expect.stringMatching(/^[0-9A-Z]{26}$/)]);
  });
});

describe('a caller with a client certificate', () => {
  it('and no token gets the identity of the certificate (csr:A9)', async () => {
    const own = await getCertificate(ca, accounts.bearer());
    const { chain } = await renew(own);
    const renewed = leafOf(chain);
    expect(renewed.san?.uris).toEqual([shop]);
    expect(renewed.serial).not.toBe(leafOf(own.chain).serial);
  });

  it('and the token of another account is who the certificate says, and that is audited (csr:A11)', async () => {
    const own = await getCertificate(ca, accounts.bearer());
    const { chain, requestId } = await renew(own, accounts.bearer({ account: 'other' }));
    expect(leafOf(chain).san?.uris).toEqual([shop]);
    const [entry] = await ca.server.state.store.audit.list({ requestId, action: 'certificate.issue' });
    expect(JSON.stringify(entry?.detail)).toContain('token-disagrees-with-certificate');
  });

  it('and the token of the same account is not remarked on', async () => {
    const own = await getCertificate(ca, accounts.bearer());
    const { requestId } = await renew(own, accounts.bearer());
    const [entry] = await ca.server.state.store.audit.list({ requestId, action: 'certificate.issue' });
    expect(entry?.detail).not.toHaveProperty('notes');
  });

  async function renew(own: { chainPem: string; privateKeyPem: string }, headers: Headers = {}) {
    using client = ca.client(own);
    const { chain, trailers } = await client.create({ csr: (await makeCsr()).pem }, headers);
    return { chain, requestId: String(trailers.get('x-castellan-request-id')[0]) };
  }
});

describe('a caller whose token the Kubernetes API server reviews', () => {
  let kubernetes: FakeKubernetesApi;
  let reviewing: Castellan;

  beforeAll(async () => {
    kubernetes = await FakeKubernetesApi.start();
    const directory = scratchDirectory();
    const [caFile, tokenFile] = [join(directory, 'ca.pem'), join(directory, 'token')];
    writeFileSync(caFile, kubernetes.ca);
    writeFileSync(tokenFile, 'reviewer');
    reviewing = await castellan({
      settings:
        `tokenReview: { server: '${kubernetes.url}', caFile: '${caFile}', tokenFile: '${tokenFile}' }\n` +
        "outbound: { allow: ['127.0.0.1'] }\n",
    });
  });
  afterAll(async () => {
    await reviewing[Symbol.asyncDispose]();
    await kubernetes[Symbol.asyncDispose]();
  });

  const known = (name: string, username: string) => {
    kubernetes.tokens.set(name, { username, audiences: ['istio-ca'] });
    return { authorization: `Bearer ${name}` };
  };

  it('gets the identity of the account', async () => {
    const headers = known('good', 'system:serviceaccount:shop:cart');
    expect(await identityFor(headers, reviewing.client())).toBe(shop);
  });

  it.each([
    'system:serviceaccount:shop',
    'system:serviceaccount:shop:cart:more',
    'system:serviceaccount::cart',
    'alice',
  ])('is refused when the user is %s (csr:A8)', async (username) => {
    expect(await refusalOf(known(`t-${username}`, username), reviewing.client())).toMatchObject(refusal);
  });

  it('is refused when the token is not known there', async () => {
    expect(await refusalOf({ authorization: 'Bearer unknown' }, reviewing.client())).toMatchObject(refusal);
  });

  it('is asked to come again when the API server is down: UNAVAILABLE, not a refusal (adv:T18)', async () => {
    kubernetes.mode = 'failing';
    try {
      const error = await refusalOf({ authorization: 'Bearer new' }, reviewing.client());
      expect(error).toMatchObject({
        code: status.UNAVAILABLE,
        details: 'the credential cannot be judged now',
      });
    } finally {
      kubernetes.mode = 'well';
    }
  });
});

describe('a caller behind a proxy that forwards its certificate', () => {
  const a = 'spiffe://cluster.local/ns/shop/sa/a';
  const e = 'spiffe://cluster.local/ns/shop/sa/e';

  it('is nobody when the proxy is not in a trusted network, loopback or not (csr:A13 adv:M13)', async () => {
    await using distrusting = await castellan({ settings: "xfcc: { trustedCidrs: ['10.0.0.0/8'] }\n" });
    expect(await refusalOf({ 'x-forwarded-client-cert': `URI=${a}` }, distrusting.client())).toMatchObject(
      refusal,
    );
    expect(await refusalOf({ 'x-forwarded-client-cert': `URI=${a}` })).toMatchObject(refusal);
  });

  it('is who the nearest trusted hop says, by its one URI (csr:A13 csr:A14)', async () => {
    await using trusting = await castellan({ settings: "xfcc: { trustedCidrs: ['127.0.0.0/8'] }\n" });
    const twoHops = `URI=${a};DNS=b;DNS=c;Subject="CN=d",URI=${e}`;
    expect(await identityFor({ 'x-forwarded-client-cert': twoHops }, trusting.client())).toBe(e);
    const nobody = ['DNS=b', 'Subject="CN=d"', `URI=${a};URI=${e}`, 'URI=spiffe://cluster.local'];
    for (const element of nobody)
      expect(await refusalOf({ 'x-forwarded-client-cert': element }, trusting.client())).toMatchObject(
        refusal,
      );
  });
});
