import tls, { type TLSSocket } from 'node:tls';
import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { revoke } from '../../../src/operations/revoke.ts';
import { makeAuthority, makeCrl, writeCacerts } from '../../support/cacerts.ts';
import { AccountIssuer, getCertificate, type IssuedIdentity } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import {
  type CertificateShape,
  clientAuth,
  formatPem,
  makeCertificate,
  makeCsr,
  serverAuth,
  type TestCertificate,
  x509,
} from '../../support/foreign-pki.ts';
import { until } from '../../support/wire-server.ts';

const shop = 'spiffe://cluster.local/ns/shop/sa/cart';
const anyExtendedKeyUsage = '2.5.29.37.0';
const [hour, day] = [3_600_000, 86_400_000];

const accounts = new AccountIssuer();
let root: TestCertificate;
let signer: TestCertificate;
let ca: Castellan;

beforeAll(async () => {
  root = await makeAuthority('root');
  signer = await makeAuthority('signer', root);
  const directory = writeCacerts({ signer, chain: [signer], roots: [root] });
  ca = await castellan({ settings: `${accounts.settings}authority: { cacertsDir: '${directory}' }\n` });
});
afterAll(() => ca[Symbol.asyncDispose]());
beforeEach(() => {
  ca.logger.lines.length = 0;
});

interface Shown {
  readonly leaf: TestCertificate;
  readonly chain?: readonly TestCertificate[];
}

const identityOf = ({ leaf, chain = [signer] }: Shown) => ({
  chainPem: [leaf, ...chain].map(({ pem }) => pem).join(''),
  privateKeyPem: leaf.privateKeyPem,
});

/** What a caller with this certificate and a good token is answered, and why the connection ended if it did. */
async function connectWith(
  shown: Shown,
  server = ca,
): Promise<{ error?: ServiceError; reasons: readonly string[] }> {
  using client = server.client(identityOf(shown));
  const csr = (await makeCsr()).pem;
  const error = await client.create({ csr }, accounts.bearer()).then(
    () => undefined,
    (failure: ServiceError) => failure,
  );
  return { ...(error ? { error } : {}), reasons: refusals(server) };
}

/** Why connections ended: a client that was refused may try again, so there can be more than one. */
const refusals = (server: Castellan) =>
  server.logger.lines
    .filter(({ message }) => message === 'connection refused')
    .map(({ fields }) => String(fields.reason));

async function expectRefused(shown: Shown, reason: string, server = ca): Promise<void> {
  const answer = await connectWith(shown, server);
  expect(answer.error?.code).toBe(status.UNAVAILABLE);
  expect(answer.reasons).toContain(reason);
  expect(server.logger.lines.some(({ message }) => message === 'certificate request refused')).toBe(false);
}

const leafWith = (shape: CertificateShape, issuer = signer) =>
  makeCertificate({ uris: [shop], ...shape }, issuer);

/** RFC 5280 §4.2.1.10 with one permitted URI host. */
function permittedUriHost(host: string): x509.Extension {
  const name = Buffer.from(host, 'latin1');
  const tlv = (tag: number, value: Buffer) => Buffer.concat([Buffer.from([tag, value.length]), value]);
  const constraints = tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0x86, name))));
  return new x509.Extension('2.5.29.30', true, constraints);
}

const ecOid = Buffer.from('06072a8648ce3d0201', 'hex');
const p256Oid = Buffer.from('06082a8648ce3d030107', 'hex');
/** Where the 64 octets of an uncompressed P-256 point begin. */
const pointAt = (der: Buffer) => der.indexOf(Buffer.from([0x03, 0x42, 0x00, 0x04])) + 4;

describe('a connection whose client certificate', () => {
  it('has ended, or has not begun, ends before any call (adv:M01)', async () => {
    const ended = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
    const coming = { notBefore: new Date(Date.now() + hour), notAfter: new Date(Date.now() + day) };
    await expectRefused({ leaf: await leafWith(ended) }, 'expired');
    ca.logger.lines.length = 0;
    await expectRefused({ leaf: await leafWith(coming) }, 'not_yet_valid');
  });

  it('is self-signed with the right identity ends (adv:M02)', async () => {
    await expectRefused(
      { leaf: await makeCertificate({ uris: [shop], subject: 'O=me' }), chain: [] },
      'unknown_issuer',
    );
  });

  it('is of another trust domain ends, even under our own CA (adv:M03)', async () => {
    const uris = ['spiffe://elsewhere.example/ns/shop/sa/cart'];
    await expectRefused({ leaf: await leafWith({ uris }) }, 'unknown_trust_domain');
    const stranger = await makeAuthority('stranger');
    ca.logger.lines.length = 0;
    await expectRefused(
      { leaf: await leafWith({ uris }, stranger), chain: [stranger] },
      'unknown_trust_domain',
    );
  });

  it('was signed by a leaf, or by a CA without the right to, ends (adv:M04)', async () => {
    const leaf = await leafWith({ subject: 'O=leaf' });
    // OpenSSL already leaves out an issuer that may not sign: to us the path has a hole.
    await expectRefused({ leaf: await leafWith({}, leaf), chain: [leaf, signer] }, 'unknown_issuer');
    const mute = await makeAuthority('mute', signer, { keyUsage: x509.KeyUsageFlags.cRLSign });
    ca.logger.lines.length = 0;
    await expectRefused({ leaf: await leafWith({}, mute), chain: [mute, signer] }, 'unknown_issuer');
  });

  it('has more CAs above it than a path length allows ends (adv:M04)', async () => {
    const last = await makeAuthority('last', signer, { pathLength: 0 });
    const tooMany = await makeAuthority('too many', last);
    await expectRefused({ leaf: await leafWith({}, tooMany), chain: [tooMany, last, signer] }, 'path_length');
  });

  it('has an identity outside its issuer’s name constraints ends (adv:M05)', async () => {
    const extensions = [permittedUriHost('other.example')];
    const bound = await makeAuthority('bound', signer, { extensions });
    await expectRefused({ leaf: await leafWith({}, bound), chain: [bound, signer] }, 'name_constraints');
  });

  it.each([
    ['two identities', { uris: [shop, 'spiffe://cluster.local/ns/shop/sa/other'] }, 'not_one_uri'],
    ['no identity', { uris: [], dnsNames: ['cart.shop.svc'] }, 'not_one_uri'],
    ['its identity in the common name only', { uris: [], subject: `CN=${shop}` }, 'not_one_uri'],
    ['a URI that is no SPIFFE ID', { uris: ['https://cluster.local/ns/shop/sa/cart'] }, 'not_a_spiffe_id'],
    ['the rights of a CA', { isCa: true }, 'leaf_is_authority'],
  ])('has %s ends (csr:A10 adv:M06)', async (_name, shape, reason) => {
    await expectRefused({ leaf: await leafWith(shape) }, reason);
  });

  it.each([
    ['a server only', [serverAuth]],
    ['anything', [anyExtendedKeyUsage]],
    ['anything and a client', [anyExtendedKeyUsage, clientAuth]],
  ])('is for %s ends (adv:M07)', async (_name, extendedKeyUsage) => {
    await expectRefused({ leaf: await leafWith({ extendedKeyUsage }) }, 'ext_key_usage');
  });

  it('says nothing of its use is let in, as the standard has it (adv:M07)', async () => {
    const { error, reasons } = await connectWith({ leaf: await leafWith({ extendedKeyUsage: [] }) });
    // It is not on record here, so the token beside it speaks; the connection stands.
    expect(reasons).not.toContain('ext_key_usage');
    expect(error).toBeUndefined();
  });

  it('comes with twenty others, or in circles, ends soon (adv:M08)', async () => {
    const line: TestCertificate[] = [signer];
    for (let i = 0; i < 19; i++) line.unshift(await makeAuthority(`ca ${i}`, line[0]));
    await expectRefused({ leaf: await leafWith({}, line[0]), chain: line }, 'chain_too_long');

    const a = await makeAuthority('a');
    const b = await makeAuthority('b', a);
    const aUnderB = await makeAuthority('a', b, { keys: a });
    ca.logger.lines.length = 0;
    await expectRefused({ leaf: await leafWith({}, b), chain: [b, aUnderB, b, aUnderB] }, 'unknown_issuer');
  });

  it('comes with more than 100 KB of others does not get through its handshake (adv:M08)', async () => {
    const one = await makeAuthority('x'.repeat(60));
    const shown = { leaf: await leafWith({}), chain: Array.from({ length: 400 }, () => one) };
    const { error } = await connectWith(shown);
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect((await connectWith({ leaf: await leafWith({ extendedKeyUsage: [] }) })).error).toBeUndefined();
  });

  it.each([
    ['a point off the curve', (der: Buffer) => der.fill(0xff, pointAt(der), pointAt(der) + 64)],
    ['an unknown curve', (der: Buffer) => (der[der.indexOf(p256Oid) + 9] = 0x7f)],
    ['an unknown algorithm', (der: Buffer) => (der[der.indexOf(ecOid) + 8] = 0x7f)],
  ])(
    'comes with an issuer whose key is broken by %s ends, and the server goes on (adv:M09)',
    async (_name, damage) => {
      const issuer = await makeAuthority('broken');
      const leaf = await leafWith({}, issuer);
      const der = Buffer.from(issuer.der);
      damage(der);
      const socket = tls.connect({
        port: Number(ca.address.split(':')[1]),
        host: '127.0.0.1',
        ca: ca.rootsPem(),
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        cert: leaf.pem + formatPem('CERTIFICATE', der),
        key: leaf.privateKeyPem,
        // Else our own side would not send it.
        ciphers: 'DEFAULT:@SECLEVEL=0',
      });
      socket.on('error', () => undefined);
      socket.resume();
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
      expect((await connectWith({ leaf: await leafWith({ extendedKeyUsage: [] }) })).error).toBeUndefined();
    },
  );

  it('is on the revocation list of its issuer ends (adv:M10)', async () => {
    const leaf = await leafWith({});
    const crlPem = (await makeCrl(signer, [leaf])) + (await makeCrl(root));
    const directory = writeCacerts({ signer, chain: [signer], roots: [root], crlPem });
    await using checking = await castellan({
      settings: `${accounts.settings}authority: { cacertsDir: '${directory}' }\n`,
    });
    await expectRefused({ leaf }, 'revoked', checking);
    expect(
      (await connectWith({ leaf: await leafWith({ extendedKeyUsage: [] }) }, checking)).error,
    ).toBeUndefined();
  });
});

describe('a certificate of ours', () => {
  const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;
  const refusal = { code: status.UNAUTHENTICATED, details: 'request authenticate failure' };

  const revokeNow = (target: { serial?: string; spiffeId?: string }) => {
    const { store } = ca.server.state;
    const deps = { issuances: store.issuances, revocations: store.revocations, clock: { ...systemNow } };
    return revoke(deps, operator, { ...target, reason: 'test', dryRun: false });
  };
  const systemNow = {
    now: () => Date.now(),
    bootTime: () => performance.now(),
    schedule: () => ({ [Symbol.dispose]: () => undefined }),
  };

  async function renew(own: IssuedIdentity, headers = {}) {
    using client = ca.client(own);
    return await client.create({ csr: (await makeCsr()).pem }, headers);
  }

  it('that is not on record does not renew itself, though it verifies', async () => {
    const forged = await leafWith({});
    using client = ca.client(identityOf({ leaf: forged }));
    const error = await client.refused({ csr: (await makeCsr()).pem });
    expect(error).toMatchObject(refusal);
    const requestId = String(error.metadata.get('x-castellan-request-id')[0]);
    expect((await ca.server.state.store.refusals.find(requestId))?.detail).toContain('not-on-record');
  });

  it('that was revoked by serial is refused at once, on open connections too (adv:M10)', async () => {
    const own = await getCertificate(ca, accounts.bearer({ account: 'revoked-serial' }));
    const held = (await new Promise((resolve, reject) => {
      const socket: TLSSocket = tls.connect(
        {
          port: Number(ca.address.split(':')[1]),
          host: '127.0.0.1',
          ca: ca.rootsPem(),
          servername: 'localhost',
          ALPNProtocols: ['h2'],
          cert: own.chainPem,
          key: own.privateKeyPem,
        },
        () => resolve(socket),
      );
      socket.on('error', reject);
    })) as TLSSocket;
    held.resume();
    await until(() => ca.server.csr.connections.size > 0);
    expect((await renew(own)).chain.length).toBeGreaterThan(1);

    await revokeNow({ serial: leafOf(own.chain).serial });
    await new Promise<void>((resolve) => (held.closed ? resolve() : held.once('close', () => resolve())));
    await expect(renew(own)).rejects.toMatchObject(refusal);
    // The account itself is not revoked: its token still gets a new one.
    expect((await getCertificate(ca, accounts.bearer({ account: 'revoked-serial' }))).chain).not.toHaveLength(
      0,
    );
  });

  it('of a revoked identity is refused, and no credential gets that identity a new one (adv:M10)', async () => {
    const account = 'revoked-id';
    const own = await getCertificate(ca, accounts.bearer({ account }));
    await revokeNow({ spiffeId: `spiffe://cluster.local/ns/shop/sa/${account}` });
    await expect(renew(own)).rejects.toMatchObject(refusal);
    await expect(getCertificate(ca, accounts.bearer({ account }))).rejects.toMatchObject(refusal);
  });

  it('beside a token of another account is denied under csr.strict, and that is on file (adv:M12)', async () => {
    await using strict = await castellan({ settings: `${accounts.settings}csr: { strict: true }\n` });
    const own = await getCertificate(strict, accounts.bearer());
    using client = strict.client(own);
    const csr = (await makeCsr()).pem;
    const error = await client.refused({ csr }, accounts.bearer({ account: 'other' }));
    expect(error.code).toBe(status.PERMISSION_DENIED);
    const requestId = String(error.metadata.get('x-castellan-request-id')[0]);
    const found = await strict.server.state.store.refusals.find(requestId);
    expect(found?.detail).toContain('token-disagrees-with-certificate');
    expect((await client.create({ csr }, accounts.bearer())).chain.length).toBeGreaterThan(1);
  });

  it('lets two workloads talk mutual TLS with each other, by nothing but their answers', async () => {
    const [server, client] = [
      await getCertificate(ca, accounts.bearer({ account: 'server' })),
      await getCertificate(ca, accounts.bearer({ account: 'client' })),
    ];
    const options = (own: IssuedIdentity) => ({
      cert: own.chainPem,
      key: own.privateKeyPem,
      ca: own.chain.at(-1) ?? '',
    });
    const seen = await new Promise<{ client: string; server: string }>((resolve, reject) => {
      const listener = tls.createServer({ ...options(server), requestCert: true, rejectUnauthorized: true });
      let clientName = '';
      listener.on('secureConnection', (socket) => {
        clientName = socket.getPeerCertificate().subjectaltname ?? '';
        socket.end('hello');
      });
      listener.on('tlsClientError', reject);
      listener.listen(0, '127.0.0.1', () => {
        const { port } = listener.address() as { port: number };
        const socket = tls.connect(
          { ...options(client), port, host: '127.0.0.1', checkServerIdentity: () => undefined },
          () => expect(socket.authorized).toBe(true),
        );
        socket.on('error', reject);
        socket.on('data', () => {
          resolve({ client: clientName, server: socket.getPeerCertificate().subjectaltname ?? '' });
          listener.close();
        });
      });
    });
    expect(seen).toEqual({
      client: 'URI:spiffe://cluster.local/ns/shop/sa/client',
      server: 'URI:spiffe://cluster.local/ns/shop/sa/server',
    });
  });
});
