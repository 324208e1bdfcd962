import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountIssuer, apply, registration } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import { type CsrShape, formatPem, makeCsr, makeKeys, x509 } from '../../support/foreign-pki.ts';
import type { Answer } from '../../support/istio-client.ts';

const shop = 'spiffe://cluster.local/ns/shop/sa/cart';
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

const accounts = new AccountIssuer();
let ca: Castellan;

beforeAll(async () => {
  // D4: 90 days fit under the signer only when it lives longer than that.
  ca = await castellan({ settings: `${accounts.settings}authority: { intermediateTtl: 4320h }\n` });
});
afterAll(() => ca[Symbol.asyncDispose]());

interface Wish {
  readonly csr?: string;
  readonly validityDuration?: bigint;
  readonly metadata?: Record<string, string>;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(wish: Wish, server = ca): Promise<Answer> {
  using client = server.client();
  const { headers, ...request } = wish;
  const csr = request.csr ?? (await makeCsr()).pem;
  return await client.create({ ...request, csr }, { ...accounts.bearer(), ...headers });
}

async function refusalOf(wish: Wish, server = ca): Promise<ServiceError> {
  using client = server.client();
  const { headers, ...request } = wish;
  const csr = request.csr ?? (await makeCsr()).pem;
  return await client.refused({ ...request, csr }, { ...accounts.bearer(), ...headers });
}

const leafFor = async (wish: Wish, server = ca) => leafOf((await ask(wish, server)).chain);
const withShape = async (shape: CsrShape) => leafFor({ csr: (await makeCsr(shape)).pem });

async function noteOf(answer: Answer, server = ca): Promise<Readonly<Record<string, unknown>>> {
  const requestId = String(answer.trailers.get('x-castellan-request-id')[0]);
  const [entry] = await server.server.state.store.audit.list({ requestId, action: 'certificate.issue' });
  return entry?.detail ?? {};
}

describe('a CSR', () => {
  const malformed =
    /^CSR signing error \((certificate signing request is not properly encoded|failed to parse X.509 certificate signing request)\)$/;

  it.each([
    ['empty', ''],
    ['only blanks', ' \n\t'],
    ['no PEM', 'not a certificate request'],
    ['PEM with garbage inside', formatPem('CERTIFICATE REQUEST', Buffer.from('garbage'))],
    ['PEM of another label', formatPem('CERTIFICATE', Buffer.from([0x30, 0]))],
  ])(
    'that is %s is answered INVALID_ARGUMENT in Istio’s words (csr:S1 adv:C01 adv:C02)',
    async (_name, csr) => {
      const error = await refusalOf({ csr });
      expect(error.code).toBe(status.INVALID_ARGUMENT);
      expect(error.details).toMatch(malformed);
    },
  );

  it('in two blocks, or with text around it, is refused (adv:C02)', async () => {
    const { pem } = await makeCsr();
    for (const csr of [pem + pem, `hello\n${pem}`, `${pem}hello`])
      expect((await refusalOf({ csr })).details).toMatch(malformed);
  });

  it('whose signature does not hold is refused (csr:S1 adv:C11)', async () => {
    const { der } = await makeCsr();
    const broken = Uint8Array.from(der);
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    const error = await refusalOf({ csr: formatPem('CERTIFICATE REQUEST', broken) });
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(error.details).toMatch(/^CSR signing error \(.*signature/);
  });

  it.each([
    ['16 KiB and a byte', 16 * 1024 + 1, status.INVALID_ARGUMENT],
    ['40 KiB', 40 * 1024, status.INVALID_ARGUMENT],
    ['1 MiB', 1024 * 1024, status.RESOURCE_EXHAUSTED],
  ])('of %s is refused before it is parsed (adv:C10 adv:C40)', async (_name, size, code) => {
    const csr = formatPem('CERTIFICATE REQUEST', Buffer.alloc(size, 0x30));
    expect((await refusalOf({ csr })).code).toBe(code);
  });

  it('that asks for another identity gets the caller’s own, with a note (csr:S2)', async () => {
    const csr = await makeCsr({ uris: ['spiffe://evil/ns/x/sa/y'] });
    const answer = await ask({ csr: csr.pem });
    expect(leafOf(answer.chain).san).toMatchObject({ critical: true, uris: [shop] });
    expect(await noteOf(answer)).toMatchObject({ dropped: ['uri:spiffe://evil/ns/x/sa/y'] });
  });

  it('as Istio’s agents send it, with their own identity and an empty organisation, needs no note', async () => {
    const csr = await makeCsr({ subject: 'O=', uris: [shop] });
    const answer = await ask({ csr: csr.pem });
    expect(leafOf(answer.chain).san?.uris).toEqual([shop]);
    expect(await noteOf(answer)).not.toHaveProperty('dropped');
  });

  it('with a common name gets the identity as common name, and its names stay critical (csr:S3)', async () => {
    const { der, san } = await withShape({ subject: 'CN=whoever' });
    expect(new x509.X509Certificate(der as Uint8Array<ArrayBuffer>).subject).toBe(`CN=${shop}`);
    expect(san?.critical).toBe(true);
  });

  it('with a common name gets none when the identity is longer than 64 characters (csr:S3)', async () => {
    const csr = await makeCsr({ subject: 'CN=whoever' });
    const headers = accounts.bearer({
      namespace: 'a-namespace-with-a-name-of-some-length',
      account: 'an-account',
    });
    const { der } = await leafFor({ csr: csr.pem, headers });
    expect(new x509.X509Certificate(der as Uint8Array<ArrayBuffer>).subject).toBe('');
  });

  it('that asks to be a CA, for usages and an organisation gets nothing of it (csr:S4 adv:C24)', async () => {
    const leaf = await withShape({
      subject: 'O=evil corp,CN=ca',
      extensions: [
        new x509.BasicConstraintsExtension(true, 3, true),
        new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.3']),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    expect([leaf.isCa, leaf.pathLength]).toEqual([false, undefined]);
    expect(leaf.extKeyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect([...(leaf.keyUsage ?? [])].sort()).toEqual(['digitalSignature', 'keyEncipherment']);
    expect(Buffer.from(leaf.der).includes('evil corp')).toBe(false);
  });

  it.each([
    ['RSA 2048', { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048 }],
    ['RSA 4096', { name: 'RSASSA-PKCS1-v1_5', modulusLength: 4096 }],
    ['P-256', { name: 'ECDSA', namedCurve: 'P-256' }],
    ['P-384', { name: 'ECDSA', namedCurve: 'P-384' }],
  ])('with a key of %s is signed (csr:S5)', async (_name, algorithm) => {
    const rsa = { publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' };
    const keys = await makeKeys({ ...rsa, ...algorithm } as never);
    const leaf = await withShape({ keys });
    expect(leaf.san?.uris).toEqual([shop]);
  });

  it('with an Ed25519 key is signed when its switch is on, else refused (csr:S5 adv:C15)', async () => {
    const csr = (await makeCsr({ keys: await makeKeys({ name: 'Ed25519' } as never) })).pem;
    expect(await refusalOf({ csr })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(/^CSR signing error \(/) as string,
    });
    await using willing = await castellan({ settings: `${accounts.settings}csr: { allowEd25519: true }\n` });
    expect((await leafFor({ csr }, willing)).publicKey.algorithm).toBe('Ed25519');
  });

  it('with CertSigner empty or named in the metadata is signed as without (csr:S10)', async () => {
    for (const CertSigner of ['', 'some.signer/x'])
      expect((await leafFor({ metadata: { CertSigner } })).san?.uris).toEqual([shop]);
  });
});

describe('the lifetime asked for', () => {
  it.each([0n, -1n, -(2n ** 63n)])(
    'of %s seconds means 24 h and two minutes back (csr:S6 adv:C26)',
    async (validityDuration) => {
      const { notBefore, notAfter } = await leafFor({ validityDuration });
      expect(notAfter - notBefore).toBe(day + 2 * minute);
    },
  );

  it('of an hour is granted', async () => {
    const { notBefore, notAfter } = await leafFor({ validityDuration: 3600n });
    expect(notAfter - notBefore).toBe(hour + 2 * minute);
  });

  it('of exactly the maximum is granted, a second more is refused with Istio’s text (csr:S7)', async () => {
    const max = 90n * 86_400n;
    const { notBefore, notAfter } = await leafFor({ validityDuration: max });
    expect(notAfter - notBefore).toBe(90 * day + 2 * minute);
    expect(await refusalOf({ validityDuration: max + 1n })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'CSR signing error (requested TTL 2160h0m1s is greater than the max allowed TTL 2160h0m0s)',
    });
  });

  it.each([2n ** 63n - 1n, 10n * 365n * 86_400n])(
    'of %s seconds is refused, not wrapped around (adv:C26)',
    async (validityDuration) => {
      expect((await refusalOf({ validityDuration })).code).toBe(status.INVALID_ARGUMENT);
    },
  );

  it('that is shorter than the signer’s rest is said to be whole', async () => {
    const { trailers } = await ask({ validityDuration: 60n });
    expect(trailers.get('x-castellan-lifetime-shortened')).toEqual([]);
  });
});

describe('a CSR under csr.strict', () => {
  let strict: Castellan;
  beforeAll(async () => {
    strict = await castellan({ settings: `${accounts.settings}csr: { strict: true }\n` });
    await apply(
      strict,
      registration({
        name: 'cart',
        spiffeId: shop,
        node: 'n',
        instanceUid: 'u',
        dnsNames: ['cart.shop.svc'],
      }),
    );
  });
  afterAll(() => strict[Symbol.asyncDispose]());

  const denied = { code: status.PERMISSION_DENIED };

  it.each([
    ['another identity (adv:C19)', { uris: ['spiffe://cluster.local/ns/shop/sa/other'] }],
    ['its own and a second one (adv:C20)', { uris: [shop, 'spiffe://cluster.local/ns/shop/sa/other'] }],
    ['its own twice (adv:C20)', { uris: [shop, shop] }],
    ['a DNS name that no registration lists (adv:C21)', { uris: [shop], dnsNames: ['other.shop.svc'] }],
    ['a wildcard (adv:C21)', { dnsNames: ['*.svc'] }],
    ['an address (adv:C21)', { ips: ['10.0.0.1'] }],
    ['a mailbox (adv:C21)', { emails: ['a@b.example'] }],
    ['the rights of a CA (adv:C24)', { extensions: [new x509.BasicConstraintsExtension(true, 0, true)] }],
  ])('is denied when it asks for %s', async (_name, shape) => {
    const error = await refusalOf({ csr: (await makeCsr(shape)).pem }, strict);
    expect(error).toMatchObject(denied);
    const requestId = String(error.metadata.get('x-castellan-request-id')[0]);
    expect((await strict.server.state.store.refusals.find(requestId))?.code).toBe('CSR_NAMES_REFUSED');
  });

  it('is signed when it asks for nothing, or for what it is', async () => {
    for (const shape of [{}, { uris: [shop] }])
      expect((await leafFor({ csr: (await makeCsr(shape)).pem }, strict)).san?.uris).toEqual([shop]);
  });

  it('gets the very DNS name that its registration lists (adv:C21)', async () => {
    const csr = await makeCsr({ uris: [shop], dnsNames: ['cart.shop.svc'] });
    expect((await leafFor({ csr: csr.pem }, strict)).san).toMatchObject({
      uris: [shop],
      dnsNames: ['cart.shop.svc'],
    });
  });
});

describe('an idempotency key', () => {
  const headersFor = (key: string) => ({ 'idempotency-key': key });

  it('gives a thousand requests at once one certificate, and one record (adv:C28)', async () => {
    const csr = (await makeCsr()).pem;
    const headers = { ...accounts.bearer({ account: 'many' }), ...headersFor('thousand') };
    await using roomy = await castellan({
      settings: `${accounts.settings}limits: { perIdentityBurst: 2000, perSourceBurst: 5000 }\n`,
    });
    using crowd = roomy.client();
    const start = await roomy.server.state.store.issuances.count();
    const answers = await Promise.all(Array.from({ length: 1000 }, () => crowd.create({ csr }, headers)));
    expect(new Set(answers.map(({ chain }) => chain[0])).size).toBe(1);
    expect((await roomy.server.state.store.issuances.count()) - start).toBe(1);
    expect(
      answers.filter(({ trailers }) => trailers.get('x-castellan-idempotent-replay').length > 0),
    ).toHaveLength(999);
  });

  it('gives the same certificate again afterwards', async () => {
    const csr = (await makeCsr()).pem;
    const [first, again] = [
      await ask({ csr, headers: headersFor('again') }),
      await ask({ csr, headers: headersFor('again') }),
    ];
    expect(again.chain).toEqual(first.chain);
    expect(again.trailers.get('x-castellan-idempotent-replay')).toEqual(['true']);
  });

  it('with another CSR is ABORTED, at the same time and later (adv:C29)', async () => {
    const [a, b] = [(await makeCsr()).pem, (await makeCsr()).pem];
    await ask({ csr: a, headers: headersFor('conflict') });
    expect((await refusalOf({ csr: b, headers: headersFor('conflict') })).code).toBe(status.ABORTED);
    using client = ca.client();
    const headers = { ...accounts.bearer(), ...headersFor('race') };
    const outcomes = await Promise.allSettled([a, b].map((csr) => client.create({ csr }, headers)));
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('of another caller is another key', async () => {
    const csr = (await makeCsr()).pem;
    const mine = await ask({ csr, headers: headersFor('shared') });
    const theirs = await ask({
      csr,
      headers: { ...headersFor('shared'), ...accounts.bearer({ account: 'other' }) },
    });
    expect(leafOf(theirs.chain).san?.uris).toEqual(['spiffe://cluster.local/ns/shop/sa/other']);
    expect(theirs.chain[0]).not.toBe(mine.chain[0]);
  });

  it('is not needed: without one each request is a new certificate', async () => {
    const csr = (await makeCsr()).pem;
    expect((await leafFor({ csr })).serial).not.toBe((await leafFor({ csr })).serial);
  });

  it('that is too long or not printable is refused', async () => {
    for (const key of ['x'.repeat(129), 'a b'])
      expect((await refusalOf({ headers: headersFor(key) })).code).toBe(status.INVALID_ARGUMENT);
  });
});
