import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import { serverId } from '../../../src/spiffe/index.ts';
import { parseCertificate } from '../../../src/x509/index.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { cliAt } from '../../support/cli-here.ts';
import { makeCertificate, makeRoot } from '../../support/foreign-pki.ts';

const scratch = mkdtempSync(join(tmpdir(), 'cst-bundle-'));
const secret = 'kN3-f00dcafe_0123456789AB';
const tokenFile = join(scratch, 'partner-token');
writeFileSync(tokenFile, `${secret}\n`, { mode: 0o600 });

/** Roots rotate when asked; leaves live so shortly that the time for silent clients is over soon. */
const settings = (more = '') => `
authority: { workloadTtl: 10s, maxWorkloadTtl: 10m, intermediateTtl: 10m, rootTtl: 24h }
bundleEndpoint:
  enabled: true
  port: 0
  readers: [{ name: partner.example, tokenFile: '${tokenFile}' }]
${more}`;

interface Fetched {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
  readonly serverDer: Uint8Array;
}

function fetchBundle(
  ca: Castellan,
  { path = '/', method = 'GET', rootsPem = ca.rootsPem() } = {},
): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const [host, port] = (ca.server.endpoints.bundle ?? '').split(':');
    const call = request({ host, port, path, method, ca: rootsPem, agent: false }, (answer) => {
      const serverDer = new Uint8Array((answer.socket as TLSSocket).getPeerCertificate().raw);
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => {
        const { statusCode: status = 0, headers } = answer;
        resolve({ status, contentType: headers['content-type'], text, serverDer });
      });
    });
    call.on('error', reject);
    call.end();
  });
}

interface Document {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
  readonly spiffe_sequence: number;
  readonly spiffe_refresh_hint: number;
}

const documentOf = async (ca: Castellan) => JSON.parse((await fetchBundle(ca)).text) as Document;

async function rotate(ca: Castellan, ...args: string[]) {
  return await cliAt(ca, ['rotate', ...args]);
}

describe('the bundle endpoint', () => {
  it('serves a JWK set with sequence and refresh hint, each key with type and use, roots with their certificate (spiffe:B-01 spiffe:B-03 spiffe:B-04 spiffe:B-06 spiffe:B-07 spiffe:X-19)', async () => {
    await using ca = await castellan({ settings: settings() });
    const { authority } = ca.server.state;
    const { keys, spiffe_sequence, spiffe_refresh_hint } = await documentOf(ca);
    expect(spiffe_sequence).toBe(Number(authority.bundle().sequence));
    expect(spiffe_refresh_hint).toBe(authority.bundle().refreshHintSeconds);
    const roots = keys.filter(({ use }) => use === 'x509-svid');
    expect(roots.map(({ x5c }) => x5c)).toEqual(
      authority.roots().map(({ der }) => [Buffer.from(der).toString('base64')]),
    );
    for (const root of roots) {
      expect(Object.keys(root).sort()).toEqual(['crv', 'kty', 'use', 'x', 'x5c', 'y']);
      const { publicKey } = parseCertificate(Buffer.from((root.x5c as string[])[0] ?? '', 'base64'));
      expect(publicKey.keyObject.export({ format: 'jwk' })).toMatchObject({ x: root.x, y: root.y });
    }
    const tokens = keys.filter(({ use }) => use === 'jwt-svid');
    expect(tokens.map(({ kid }) => kid)).toEqual(authority.bundle().jwtKeys.map(({ kid }) => kid));
    for (const token of tokens)
      expect(Object.keys(token).sort()).toEqual(['crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(roots.length + tokens.length).toBe(keys.length);
  });

  it('serves the newest on each GET, as JSON over https, to anybody, and takes nothing else (spiffe:B-02 spiffe:F-02 spiffe:F-05 spiffe:F-06)', async () => {
    await using ca = await castellan({ settings: settings() });
    const before = await documentOf(ca);
    expect((await fetchBundle(ca)).contentType).toMatch(/^application\/json/);
    for (const phase of ['prepare', 'publish'])
      expect((await rotate(ca, 'next', 'root')).code, phase).toBe(0);
    const after = await documentOf(ca);
    expect(after.spiffe_sequence).toBeGreaterThan(before.spiffe_sequence);
    expect(after.keys.filter(({ use }) => use === 'x509-svid')).toHaveLength(2);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect((await fetchBundle(ca, { method })).status, method).toBe(405);
    expect((await fetchBundle(ca, { path: '/readers/nobody-nobody-nobody-nobody' })).status).toBe(404);
  });

  it('shows the identity of the server, or the certificate of the operator for its host (spiffe:F-01 spiffe:F-07 spiffe:F-09)', async () => {
    await using own = await castellan({ settings: settings() });
    const shown = parseCertificate((await fetchBundle(own)).serverDer);
    expect(shown.san?.uris).toEqual([serverId(own.server.state.authority.trustDomain).uri]);
    const root = await makeRoot();
    const web = await makeCertificate({ dnsNames: ['bundle.example'], ips: ['127.0.0.1'] }, root);
    const [certificateFile, keyFile] = [join(scratch, 'web.pem'), join(scratch, 'web.key')];
    writeFileSync(certificateFile, web.pem);
    writeFileSync(keyFile, web.privateKeyPem, { mode: 0o600 });
    const files = `  certificateFile: '${certificateFile}'\n  keyFile: '${keyFile}'\n`;
    await using other = await castellan({ settings: settings(files) });
    const { serverDer, status } = await fetchBundle(other, { rootsPem: root.pem });
    expect([status, Buffer.from(serverDer)]).toEqual([200, Buffer.from(web.der)]);
  });
});

describe('a named reader of another trust domain', () => {
  it('holds up a new root by name, over a restart too, until it has fetched it (adv:S20 spiffe:F-13)', async () => {
    const first = await castellan({ settings: settings() });
    const { stateDir } = first;
    const path = `/readers/${secret}`;
    expect((await fetchBundle(first, { path })).status).toBe(200);
    expect((await rotate(first, 'start', 'root', '--reason', 'yearly')).code).toBe(0);
    // A look at it is not a fetch.
    await fetchBundle(first, { path, method: 'HEAD' });
    const blockers = async (ca: Castellan) => {
      const { lines } = await ca.server.state.authority.rotation.status();
      const gate = lines.find(({ role }) => role === 'root')?.phases[2]?.gate;
      return gate?.blockers.map(({ kind, name }) => `${kind} ${name}`);
    };
    const alone = ['federation partner.example'];
    await vi.waitFor(async () => expect(await blockers(first)).toEqual(alone), { timeout: 60_000 });
    const { stdout } = await rotate(first, 'plan', 'root');
    expect(stdout).toMatch(/partner\.example holds bundle \d+, not yet \d+, for /);
    await first.server.close();
    await using again = await castellan({ settings: settings(), stateDir });
    expect(await blockers(again)).toEqual(alone);
    expect(again.server.state.authority.roots()).toHaveLength(2);
    await fetchBundle(again, { path });
    const phase = async () =>
      (await again.server.state.authority.rotation.status()).lines.find(({ role }) => role === 'root')?.phase;
    await vi.waitFor(async () => expect(await phase()).not.toBe('published'), { timeout: 60_000 });
    await first[Symbol.asyncDispose]();
  }, 240_000);
});
