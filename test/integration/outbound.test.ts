import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseIpBlock } from '../../src/base/ip.ts';
import { type OutboundOptions, outboundClient } from '../../src/wire/outbound/index.ts';
import { FakeClock } from '../fakes/clock.ts';
import { type FakeHttpsServer, startHttpsServer } from '../fakes/https-server.ts';

const loopback = [parseIpBlock('127.0.0.1')].filter((range) => range !== undefined);
const never = new AbortController().signal;
const client = (options: Partial<OutboundOptions> = {}) =>
  outboundClient({ clock: new FakeClock(), allow: loopback, privateAllowed: false, ...options });
const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error;

describe('the outbound guard', () => {
  let server: FakeHttpsServer | undefined;
  const start = async (...[listener]: Parameters<typeof startHttpsServer>) => {
    server = await startHttpsServer(listener);
    return server;
  };
  afterEach(async () => {
    await server?.[Symbol.asyncDispose]();
    server = undefined;
  });

  it('brings the body of an https answer, under a private authority', async () => {
    const { port, ca } = await start((request, response) =>
      response.end(`{"you":"${request.method} ${request.url}"}`),
    );
    const url = `https://127.0.0.1:${port}/keys`;
    expect(await client().ask({ url, ca }, never)).toBe('{"you":"GET /keys"}');
    await expect(client().ask({ url }, never)).rejects.toThrow(code('OUTBOUND_UNREACHABLE'));
  });

  it.each([
    'http://issuer.example/keys',
    'file:///etc/passwd',
    'ftp://issuer.example/',
    'data:,x',
    'issuer.example',
    '',
    'https://u:p@issuer.example/',
  ])('refuses the URL %j (adv:O05)', async (url) => {
    await expect(client().ask({ url }, never)).rejects.toThrow(code('OUTBOUND_URL_REFUSED'));
  });

  it.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://2852039166/',
    'https://10.0.0.1/',
  ])('does not connect to %s (adv:O05)', async (url) => {
    await expect(client({ allow: [] }).ask({ url }, never)).rejects.toThrow(code('OUTBOUND_ADDRESS_BLOCKED'));
  });

  it('judges the address that it connects to, so a name that moves inside is not followed (adv:O05)', async () => {
    const { port, ca, connections } = await start((_request, response) => response.end('{}'));
    const url = `https://issuer.example:${port}/`;
    const inside = client({ allow: [], resolve: () => Promise.resolve(['127.0.0.1']) });
    await expect(inside.ask({ url, ca }, never)).rejects.toThrow(code('OUTBOUND_ADDRESS_BLOCKED'));
    expect(connections()).toBe(0);
    let asked = 0;
    const rebinding = client({
      resolve: () => Promise.resolve(asked++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']),
    });
    expect(await rebinding.ask({ url, ca }, never)).toBe('{}');
    expect(asked).toBe(1);
  });

  it('passes over the blocked addresses of a name that has others (adv:O05)', async () => {
    const { port, ca } = await start((_request, response) => response.end('{}'));
    const resolve = () => Promise.resolve(['169.254.169.254', '::1', 'nonsense', '127.0.0.1']);
    expect(await client({ resolve }).ask({ url: `https://issuer.example:${port}/`, ca }, never)).toBe('{}');
    const none = client({ resolve: () => Promise.resolve([]) });
    await expect(none.ask({ url: `https://issuer.example:${port}/`, ca }, never)).rejects.toThrow(
      code('OUTBOUND_ADDRESS_BLOCKED'),
    );
  });

  it('checks that the certificate is for the name that was asked', async () => {
    const { port, ca } = await start((_request, response) => response.end('{}'));
    const resolve = () => Promise.resolve(['127.0.0.1']);
    const asked = client({ resolve }).ask({ url: `https://other.example:${port}/`, ca }, never);
    await expect(asked).rejects.toThrow(code('OUTBOUND_UNREACHABLE'));
  });

  it.each([301, 302, 303, 307, 308])(
    'does not follow a %i to the inside (adv:O05 adv:T14)',
    async (status) => {
      const { port, ca, connections } = await start((_request, response) => {
        response.writeHead(status, { location: `https://127.0.0.1:${port}/other` }).end('{}');
      });
      const asked = client().ask({ url: `https://127.0.0.1:${port}/`, ca }, never);
      await expect(asked).rejects.toThrow(code('OUTBOUND_ANSWER_REFUSED'));
      expect(connections()).toBe(1);
    },
  );

  it.each([true, false])(
    'stops at the size limit, whether the length is announced (%s) or not (adv:O05 adv:T14)',
    async (announced) => {
      const block = 'x'.repeat(64 * 1024);
      const { port, ca } = await start((_request, response) => {
        if (announced) response.setHeader('content-length', 50_000_000);
        response.on('error', () => undefined);
        for (let i = 0; i < 16; i++) response.write(block);
        if (!announced) response.end();
      });
      const asked = client().ask({ url: `https://127.0.0.1:${port}/`, ca }, never);
      await expect(asked).rejects.toThrow(code('OUTBOUND_ANSWER_REFUSED'));
    },
  );

  it.each([
    ['compressed', { 'content-encoding': 'gzip' }, 200],
    ['an error', {}, 500],
    ['empty by status', {}, 204],
  ] as const)('refuses an answer that is %s', async (_what, headers, status) => {
    const { port, ca } = await start((_request, response) => response.writeHead(status, headers).end());
    const asked = client().ask({ url: `https://127.0.0.1:${port}/`, ca }, never);
    await expect(asked).rejects.toThrow(code('OUTBOUND_ANSWER_REFUSED'));
  });

  it('gives up a server that drips after the time for the whole, and others answer meanwhile (adv:T14 adv:N17)', async () => {
    const dripping = Promise.withResolvers<void>();
    const { port, ca } = await start((request, response) => {
      if (request.url === '/well') return void response.end('{}');
      response.write('{"keys":', () => dripping.resolve());
    });
    const clock = new FakeClock();
    const slow = client({ clock }).ask({ url: `https://127.0.0.1:${port}/slow`, ca }, never);
    const settled = expect(slow).rejects.toThrow(code('DEADLINE_EXCEEDED'));
    await dripping.promise;
    expect(await client({ clock }).ask({ url: `https://127.0.0.1:${port}/well`, ca }, never)).toBe('{}');
    await clock.advance(5_000);
    await settled;
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives up a name that does not resolve in time (adv:N17)', async () => {
    const clock = new FakeClock();
    const resolve = () => new Promise<readonly string[]>(() => undefined);
    const asked = client({ clock, resolve }).ask({ url: 'https://blackhole.example/' }, never);
    const settled = expect(asked).rejects.toThrow(code('DEADLINE_EXCEEDED'));
    await clock.advance(5_000);
    await settled;
  });

  it('stops when its caller does', async () => {
    const { port, ca } = await start(() => undefined);
    const stop = new AbortController();
    const asked = client().ask({ url: `https://127.0.0.1:${port}/`, ca }, stop.signal);
    stop.abort(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
  });

  it('speaks plain http only to hosts that are listed for it (adv:O05)', async () => {
    const plain = createServer((_request, response) => response.end('{}'));
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/`;
    await expect(client().ask({ url }, never)).rejects.toThrow(code('OUTBOUND_URL_REFUSED'));
    expect(await client({ plainHttpHosts: ['127.0.0.1'] }).ask({ url }, never)).toBe('{}');
    await new Promise((resolve) => plain.close(resolve));
  });
});
