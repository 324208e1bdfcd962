import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type Server, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  connectOptions,
  createMtlsServer,
  JwtSource,
  MtlsAgent,
  SpiffeId,
  X509Source,
} from '../../src/client/index.ts';
import { FakeTokenIssuer } from '../fakes/token-issuer.ts';
import { FakeWorkloadApi, type X509Answer } from '../fakes/workload-api.ts';
import { hour, makeLeaf, makePki, minute, type TestPki } from '../support/pki.ts';

const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const web = 'spiffe://cluster.local/ns/shop/sa/web';

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of stack.splice(0).reverse()) await item[Symbol.asyncDispose]();
});
const later = (close: () => unknown) =>
  void stack.push({ [Symbol.asyncDispose]: async () => void (await close()) });

async function answerFor(pki: TestPki, id: string, extra: X509Answer = {}): Promise<X509Answer> {
  const now = Date.now();
  const { certificate, key } = await makeLeaf(pki.intermediate, id, {
    notBefore: now - minute,
    notAfter: now + hour,
  });
  return {
    svids: [
      {
        spiffeId: id,
        x509Svid: Buffer.concat([certificate.der, pki.intermediate.certificate.der]),
        x509SvidKey: key.export({ type: 'pkcs8', format: 'der' }),
        bundle: pki.root.certificate.der,
        hint: '',
      },
    ],
    ...extra,
  };
}

async function startApi(answer?: X509Answer): Promise<FakeWorkloadApi> {
  const api = await new FakeWorkloadApi().start();
  stack.push(api);
  if (answer !== undefined) api.push(answer);
  return api;
}

async function openSource(api: FakeWorkloadApi, onError?: (error: Error) => void): Promise<X509Source> {
  const source = await X509Source.open({
    endpoint: api.endpoint,
    ...(onError === undefined ? {} : { onError }),
  });
  later(() => source[Symbol.dispose]());
  return source;
}

const update = (source: X509Source) =>
  new Promise<void>((resolve) => {
    const subscription = source.onUpdate(() => {
      subscription[Symbol.dispose]();
      resolve();
    });
  });

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  later(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Who answered, or why nobody did. */
async function greet(source: X509Source, port: number, wanted: string): Promise<string> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ...connectOptions(source, { authorize: (peer) => peer.uri === wanted }),
  });
  later(() => socket.destroy());
  return readAll(socket);
}

function readAll(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    socket.on('error', (error) => resolve(`refused: ${error.message}`));
    socket.on('close', () => resolve(text === '' ? 'refused: closed' : text));
  });
}

describe('a Node program with an identity', () => {
  it('gets its SVID with the security header, and each later one replaces the whole (spiffe:E-04 spiffe:W-07)', async () => {
    const pki = await makePki({ now: Date.now() });
    const api = await startApi(await answerFor(pki, cart));
    const source = await openSource(api);
    expect(api.headers).toEqual([['true']]);
    const first = source.svid();
    expect(first.spiffeId.uri).toBe(cart);
    const changed = update(source);
    api.push(await answerFor(pki, cart));
    await changed;
    expect(source.svid().chain[0].serial).not.toBe(first.chain[0].serial);
  });

  it('keeps what it has when an answer cannot be used, and says so (spiffe:W-09)', async () => {
    const pki = await makePki({ now: Date.now() });
    const good = await answerFor(pki, cart);
    const api = await startApi(good);
    let told: (error: Error) => void = () => undefined;
    const source = await openSource(api, (error) => told(error));
    const before = source.svid();
    const stranger = await answerFor(pki, web);
    const broken = [
      { svids: [] },
      { svids: [{ ...good.svids?.[0], bundle: new Uint8Array() }] },
      { svids: [{ ...good.svids?.[0], x509SvidKey: stranger.svids?.[0]?.x509SvidKey as Uint8Array }] },
      { svids: [{ ...good.svids?.[0], spiffeId: web }] },
    ];
    for (const answer of broken) {
      const error = new Promise<Error>((resolve) => {
        told = resolve;
      });
      api.push(answer);
      expect((await error).message).toMatch(/^the Workload API sent what cannot be used: /);
      expect(source.svid()).toBe(before);
    }
  });

  it('goes on with its SVID while the agent is away, and takes up again when it is back (spiffe:W-03 spiffe:E-13)', async () => {
    const pki = await makePki({ now: Date.now() });
    const api = await startApi(await answerFor(pki, cart));
    const source = await openSource(api);
    const before = source.svid();
    api.stop();
    expect(source.svid()).toBe(before);
    const changed = update(source);
    await api.start();
    api.push(await answerFor(pki, cart));
    await changed;
    expect(source.svid().chain[0].serial).not.toBe(before.chain[0].serial);
  });

  it('stops using an identity that is withdrawn (spiffe:W-14)', async () => {
    const pki = await makePki({ now: Date.now() });
    const api = await startApi(await answerFor(pki, cart));
    const source = await openSource(api);
    const changed = update(source);
    api.refuse(status.PERMISSION_DENIED);
    await changed;
    expect(() => source.svid()).toThrow('the Workload API has no identity for this process');
  });

  it('does not ask again where asking is of no use (spiffe:E-12 spiffe:E-13)', async () => {
    const api = await startApi();
    api.refuse(status.UNIMPLEMENTED);
    await expect(X509Source.open({ endpoint: api.endpoint })).rejects.toThrow(
      'the Workload API does not offer this',
    );
    expect(api.opened).toBe(1);
  });

  it('ends the wait for the first answer when told to', async () => {
    const api = await startApi();
    const signal = AbortSignal.timeout(50);
    await expect(X509Source.open({ endpoint: api.endpoint, signal })).rejects.toThrow();
  });
});

describe('mutual TLS between two Node programs', () => {
  it('shows each side who the other is, with the SVID of the moment', async () => {
    const pki = await makePki({ now: Date.now() });
    const [webApi, cartApi] = [
      await startApi(await answerFor(pki, web)),
      await startApi(await answerFor(pki, cart)),
    ];
    const [webSource, cartSource] = [await openSource(webApi), await openSource(cartApi)];
    const serials: (string | undefined)[] = [];
    const server = createMtlsServer(cartSource, { authorize: ({ uri }) => uri === web }, (socket, peer) => {
      serials.push(socket.getPeerX509Certificate()?.serialNumber.toLowerCase());
      socket.end(`hello ${peer.uri}`);
    });
    const port = await listen(server);
    expect(await greet(webSource, port, cart)).toBe(`hello ${web}`);
    const changed = update(webSource);
    webApi.push(await answerFor(pki, web));
    await changed;
    expect(await greet(webSource, port, cart)).toBe(`hello ${web}`);
    expect(serials[1]).toBe(webSource.svid().chain[0].serial);
    expect(serials[0]).not.toBe(serials[1]);
  });

  it('has the new root in force with the next handshake, on both sides', async () => {
    const [old, next] = [await makePki({ now: Date.now() }), await makePki({ now: Date.now() })];
    const [webApi, cartApi] = [
      await startApi(await answerFor(old, web)),
      await startApi(await answerFor(old, cart)),
    ];
    const [webSource, cartSource] = [await openSource(webApi), await openSource(cartApi)];
    const server = createMtlsServer(cartSource, { authorize: () => true }, (socket) => socket.end('hello'));
    const port = await listen(server);
    const changed = update(cartSource);
    cartApi.push(await answerFor(next, cart));
    await changed;
    expect(await greet(webSource, port, cart)).toMatch(/^refused/);
    const both = update(webSource);
    webApi.push(await answerFor(next, web));
    await both;
    expect(await greet(webSource, port, cart)).toBe('hello');
  });

  it('ends before a byte is handed over when the peer is not let in, on either side (spiffe:W-10)', async () => {
    const [pki, foreign] = [
      await makePki({ now: Date.now() }),
      await makePki({ now: Date.now(), trustDomain: 'other.example' }),
    ];
    const cartApi = await startApi(await answerFor(pki, cart));
    const cartSource = await openSource(cartApi);
    const refusals: string[] = [];
    let taken = 0;
    const server = createMtlsServer(
      cartSource,
      { authorize: ({ uri }) => uri === web, onRefused: (error) => refusals.push(error.message) },
      (socket) => {
        taken++;
        socket.end('hello');
      },
    );
    const port = await listen(server);
    const shop = await openSource(
      await startApi(await answerFor(pki, 'spiffe://cluster.local/ns/shop/sa/other')),
    );
    expect(await greet(shop, port, cart)).toMatch(/^refused/);
    expect(refusals.at(-1)).toContain('is not let in here');
    // Same root, but under the name of another trust domain: each domain is judged by its own bundle only.
    const stranger = await openSource(
      await startApi(
        await answerFor(foreign, 'spiffe://other.example/x', {
          federatedBundles: { 'spiffe://cluster.local': pki.root.certificate.der },
        }),
      ),
    );
    expect(await greet(stranger, port, cart)).toMatch(/^refused/);
    expect(refusals.at(-1)).toContain('no bundle is held for trust domain `other.example`');
    expect(taken).toBe(0);
    const right = await openSource(await startApi(await answerFor(pki, web)));
    expect(await greet(right, port, 'spiffe://cluster.local/ns/shop/sa/else')).toMatch(/is not let in here/);
  });

  it('carries https, and refuses after a withdrawal', async () => {
    const pki = await makePki({ now: Date.now() });
    const [webApi, cartApi] = [
      await startApi(await answerFor(pki, web)),
      await startApi(await answerFor(pki, cart)),
    ];
    const [webSource, cartSource] = [await openSource(webApi), await openSource(cartApi)];
    const http = createHttpServer((_request, response) => response.end('over https'));
    const server = createMtlsServer(cartSource, { authorize: () => true }, (socket) => {
      http.emit('connection', socket);
    });
    const port = await listen(server);
    const agent = new MtlsAgent(webSource, { authorize: ({ uri }) => uri === cart });
    later(() => agent[Symbol.dispose]());
    const get = () =>
      new Promise<string>((resolve) => {
        const request = httpsRequest({ host: '127.0.0.1', port, agent }, (response) => {
          response.on('data', (bytes: Buffer) => resolve(bytes.toString()));
        });
        request.on('error', (error) => resolve(`refused: ${error.message}`));
        request.end();
      });
    expect(await get()).toBe('over https');
    const changed = update(cartSource);
    cartApi.refuse(status.PERMISSION_DENIED);
    await changed;
    agent.destroy();
    expect(await get()).toMatch(/^refused/);
  });
});

describe('JWT-SVIDs for a Node program', () => {
  it('are fetched once for an audience, and judged by the keys of their own trust domain (spiffe:J-14)', async () => {
    const issuer = new FakeTokenIssuer();
    const stranger = new FakeTokenIssuer({ kid: 'other' });
    const api = await startApi();
    const exp = Math.floor(Date.now() / 1000) + 300;
    const claims = { sub: cart, aud: ['db'], exp, iat: exp - 300 };
    const token = issuer.token(claims, { typ: 'JWT' });
    api.jwtAnswer = { svids: [{ spiffeId: cart, svid: token, hint: '' }] };
    api.jwtBundles = {
      'spiffe://cluster.local': issuer.jwks({ use: 'jwt-svid' }),
      'spiffe://other.example': stranger.jwks({ use: 'jwt-svid' }),
    };
    const source = await JwtSource.open({ endpoint: api.endpoint });
    later(() => source[Symbol.dispose]());
    const [first, second] = await Promise.all([source.fetch('db'), source.fetch('db')]);
    expect(first.token).toBe(token);
    expect(second).toBe(first);
    expect(await source.fetch('db')).toBe(first);
    expect(api.jwtRequests).toEqual([{ audience: ['db'], spiffeId: '' }]);
    const valid = await source.validate(token, 'db');
    expect(valid.spiffeId.uri).toBe(cart);
    await expect(source.validate(token, 'elsewhere')).rejects.toThrow(/does not show an identity/);
    await expect(source.validate(stranger.token(claims), 'db')).rejects.toThrow(/does not show an identity/);
    const unknown = issuer.token({ ...claims, sub: 'spiffe://third.example/x' });
    await expect(source.validate(unknown, 'db')).rejects.toThrow(/no bundle is held for trust domain/);
  });

  it('are not taken when they are of another identity than asked for', async () => {
    const issuer = new FakeTokenIssuer();
    const api = await startApi();
    const exp = Math.floor(Date.now() / 1000) + 300;
    api.jwtAnswer = {
      svids: [{ spiffeId: web, svid: issuer.token({ sub: web, aud: ['db'], exp }), hint: '' }],
    };
    const source = await JwtSource.open({ endpoint: api.endpoint });
    later(() => source[Symbol.dispose]());
    await expect(source.fetch('db', SpiffeId.parse(cart))).rejects.toThrow(/another identity/);
  });
});
