import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  discoveredKeySetFetcher,
  fileKeySetFetcher,
  urlKeySetFetcher,
} from '../../src/adapters/jwks/index.ts';
import { parseIpBlock } from '../../src/base/ip.ts';
import { type KeySetFetcher, KeySetKeeper } from '../../src/jwt/index.ts';
import { outboundClient } from '../../src/wire/outbound/index.ts';
import { FakeClock } from '../fakes/clock.ts';
import { type FakeHttpsServer, startHttpsServer } from '../fakes/https-server.ts';
import { FakeTokenIssuer } from '../fakes/token-issuer.ts';

const never = new AbortController().signal;
const issuer = new FakeTokenIssuer();

describe('an issuer that publishes its keys over https', () => {
  let server: FakeHttpsServer;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let requests: string[];
  beforeEach(async () => {
    requests = [];
    answer = (_request, response) => void response.end(issuer.jwks());
    server = await startHttpsServer((request, response) => {
      requests.push(request.url ?? '');
      response.on('error', () => undefined);
      answer(request, response);
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  const setUp = async (
    make: (base: string, options: { client: ReturnType<typeof outboundClient>; ca: string }) => KeySetFetcher,
  ) => {
    const clock = new FakeClock();
    const allow = [parseIpBlock('127.0.0.1')].filter((range) => range !== undefined);
    const client = outboundClient({ clock, allow, privateAllowed: true });
    const fetcher = make(`https://127.0.0.1:${server.port}`, { client, ca: server.ca });
    const keeper = new KeySetKeeper({ name: 'issuer', fetcher, clock });
    await keeper.start();
    return { clock, keeper };
  };
  const byUrl = () => setUp((base, options) => urlKeySetFetcher({ ...options, url: `${base}/keys` }));
  const kids = (keeper: KeySetKeeper) => keeper.current()?.keys.map((key) => key.kid);

  it('is believed', async () => {
    expect(kids((await byUrl()).keeper)).toEqual(['key-1']);
  });

  it.each<[string, (response: ServerResponse) => unknown]>([
    [
      'redirects to link-local',
      (response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    ],
    [
      'sends 50 MB',
      (response) => response.writeHead(200, { 'content-length': 50_000_000 }).write('x'.repeat(400_000)),
    ],
    ['sends HTML', (response) => response.setHeader('content-type', 'text/html').end('<html></html>')],
    ['sends keys that are no list', (response) => response.end('{"keys":{}}')],
    [
      'sends one kid twice',
      (response) => response.end(JSON.stringify({ keys: [issuer.jwk(), issuer.jwk()] })),
    ],
    ['sends a symmetric key', (response) => response.end('{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}')],
    [
      'sends private parts',
      (response) => response.end(JSON.stringify({ keys: [{ ...issuer.jwk(), d: 'AAAA' }] })),
    ],
    ['fails', (response) => response.writeHead(503).end()],
    ['hangs up', (response) => response.destroy()],
  ])('and then %s keeps its last good keys (adv:T14)', async (_what, misbehave) => {
    const { clock, keeper } = await byUrl();
    answer = (_request, response) => void misbehave(response);
    await clock.advance(30_000);
    await keeper.refreshForKid('other', never);
    expect(requests).toHaveLength(2);
    expect(keeper.status()).toMatchObject({ usable: true, lastError: expect.any(String) });
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it('and then drips keeps its last good keys (adv:T14)', async () => {
    const { clock, keeper } = await byUrl();
    const dripping = Promise.withResolvers<void>();
    answer = (_request, response) => void response.write('{"keys":', () => dripping.resolve());
    await clock.advance(30_000);
    const refreshed = keeper.refreshForKid('other', never);
    await dripping.promise;
    await clock.advance(5_000);
    expect(await refreshed).toEqual({ outcome: 'failed' });
    expect(kids(keeper)).toEqual(['key-1']);
  });

  it('is asked once a cooldown for ten thousand unknown kids (adv:T13)', async () => {
    const { clock, keeper } = await byUrl();
    await clock.advance(30_000);
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => keeper.refreshForKid(`unknown-${i}`, never)));
    expect(requests).toHaveLength(2);
  });

  it('is found by discovery, if the document names it exactly', async () => {
    const discovered = (named: (base: string) => string) => {
      answer = (request, response) => {
        const base = `https://${request.headers.host}`;
        const document = { issuer: named(base), jwks_uri: `${base}/keys` };
        response.end(request.url === '/keys' ? issuer.jwks() : JSON.stringify(document));
      };
      return setUp((base, options) => discoveredKeySetFetcher({ ...options, issuer: base }));
    };
    expect(kids((await discovered((base) => base)).keeper)).toEqual(['key-1']);
    expect(requests).toEqual(['/.well-known/openid-configuration', '/keys']);
    const wrong = await discovered((base) => `${base}/`);
    expect(wrong.keeper.status()).toMatchObject({
      usable: false,
      lastError: expect.stringMatching(/discovery/),
    });
  });

  it('cannot send us inside by its discovery document (adv:O05)', async () => {
    for (const url of [
      'https://169.254.169.254/',
      'https://127.0.0.2/',
      'http://127.0.0.1/',
      'file:///etc/passwd',
      7,
    ]) {
      answer = (request, response) =>
        void response.end(JSON.stringify({ issuer: `https://${request.headers.host}`, jwks_uri: url }));
      const { keeper } = await setUp((base, options) =>
        discoveredKeySetFetcher({ ...options, issuer: base }),
      );
      expect(keeper.status()).toMatchObject({ usable: false, lastError: expect.any(String) });
    }
  });
});

describe('a key set in a file', () => {
  it('is read again when it changes, and kept when it goes or turns to nonsense', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'jwks-'));
    const path = join(directory, 'jwks.json');
    writeFileSync(path, issuer.jwks());
    const keeper = new KeySetKeeper({
      name: path,
      fetcher: fileKeySetFetcher(path),
      clock: new FakeClock(),
      refreshMs: 5_000,
      cooldownMs: 0,
    });
    let asked = 0;
    const kids = async () => {
      await keeper.refreshForKid(`other-${asked++}`, never);
      return keeper.current()?.keys.map((key) => key.kid);
    };
    expect(await kids()).toEqual(['key-1']);
    writeFileSync(`${path}.new`, new FakeTokenIssuer({ kid: 'key-2' }).jwks());
    renameSync(`${path}.new`, path);
    expect(await kids()).toEqual(['key-2']);
    writeFileSync(path, '{"keys":');
    expect(await kids()).toEqual(['key-2']);
    writeFileSync(path, 'x'.repeat(300_000));
    expect(await kids()).toEqual(['key-2']);
    rmSync(path);
    expect(await kids()).toEqual(['key-2']);
    expect(keeper.status().lastError).toMatch(/file cannot be read/);
    rmSync(directory, { recursive: true });
  });
});
