import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import type { HealthCheck } from '../../operations/check-health.ts';
import { observabilityServer } from './server.ts';

async function serverWith(readiness: HealthCheck[]) {
  const http = { logger: new FakeLogger(), clock: new FakeClock(), random: new FakeRandom() };
  return observabilityServer({
    http,
    metrics: { contentType: 'text/plain; version=0.0.4', scrape: async () => 'castellan_build_info 1\n' },
    readiness,
    liveness: [{ name: 'event-loop', check: () => ({ ok: true }) }],
    version: { version: '1.2.3' },
    revocationLists: () => [{ issuerId: 'ab12', der: Uint8Array.of(0x30, 0) }],
  });
}

const well: HealthCheck = { name: 'store', check: () => ({ ok: true }) };
const ill: HealthCheck = { name: 'signer', check: () => ({ ok: false, reason: 'ended 3m ago' }) };

describe('the observability door', () => {
  it('says ok in one word while every check is well, and lists them when asked', async () => {
    const server = await serverWith([well]);
    const short = await server.inject('/readyz');
    expect([short.statusCode, short.body]).toEqual([200, 'ok']);
    expect((await server.inject('/readyz?verbose')).body).toBe('[+]store ok\nreadyz check passed\n');
  });

  it('is not ready, with the reason, when one check is not well; liveness does not care', async () => {
    const server = await serverWith([well, ill]);
    const reply = await server.inject('/readyz');
    expect([reply.statusCode, reply.body]).toEqual([
      503,
      '[+]store ok\n[-]signer failed: ended 3m ago\nreadyz check failed\n',
    ]);
    expect((await server.inject('/livez')).statusCode).toBe(200);
    const json = await server.inject({ url: '/readyz', headers: { accept: 'application/json' } });
    expect(json.json()).toEqual({
      ok: false,
      checks: [
        { name: 'store', ok: true },
        { name: 'signer', ok: false, reason: 'ended 3m ago' },
      ],
    });
  });

  it('counts a check that throws as not well, without its text', async () => {
    const server = await serverWith([
      {
        name: 'store',
        check: () => {
          throw new Error('/var/lib/secret-path is gone');
        },
      },
    ]);
    const reply = await server.inject('/readyz');
    expect(reply.statusCode).toBe(503);
    expect(reply.body).not.toContain('secret-path');
  });

  it('serves metrics and the version, and has no route that changes anything (adv:O14)', async () => {
    const server = await serverWith([well]);
    expect((await server.inject('/metrics')).headers['content-type']).toContain('version=0.0.4');
    expect((await server.inject('/version')).json()).toEqual({ version: '1.2.3' });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const)
      for (const url of ['/metrics', '/readyz', '/version', '/debug/pprof'])
        expect((await server.inject({ method, url })).statusCode).toBe(404);
  });

  it('gives out revocation lists: all as PEM, one as DER', async () => {
    const server = await serverWith([well]);
    expect((await server.inject('/crl')).body).toBe(
      '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n',
    );
    const one = await server.inject('/crl/ab12.crl');
    expect([one.statusCode, one.headers['content-type']]).toEqual([200, 'application/pkix-crl']);
    expect([...one.rawPayload]).toEqual([0x30, 0]);
    expect((await server.inject('/crl/ff.crl')).statusCode).toBe(404);
  });
});
