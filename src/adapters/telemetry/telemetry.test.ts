import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../base/secret.ts';
import { citadelSpecs } from './citadel-names.ts';
import { jsonLogger } from './json-logger.ts';
import { metricSpecs } from './metric-names.ts';
import { Metrics } from './metrics.ts';
import { redactFields, redactText } from './redact.ts';

describe('metrics', () => {
  const fresh = () => new Metrics({ version: '1.2.3', component: 'server' });

  it('count a request under our name and under the name Istio gave it', async () => {
    const metrics = fresh();
    metrics.csrReceived();
    metrics.csrFinished({ result: 'success', reason: 'issued', attestor: 'mtls', seconds: 0.002 });
    metrics.csrReceived();
    metrics.csrFinished({ result: 'error', reason: 'lifetime_refused', attestor: 'mtls', seconds: 0.001 });
    const text = await metrics.scrape();
    for (const line of [
      'castellan_ca_csr_requests_total{result="success",reason="issued",attestor="mtls"} 1',
      'castellan_ca_csr_in_flight 0',
      'citadel_server_csr_count 2',
      'citadel_server_success_cert_issuance_count 1',
      'citadel_server_csr_sign_err_count{error="TTL_ERROR"} 1',
      'castellan_build_info{version="1.2.3",component="server"',
    ])
      expect(text).toContain(line);
  });

  it('drop a series when the thing it tells of is gone', async () => {
    const metrics = fresh();
    const serials = ['aa', 'bb'];
    metrics.sample((set) => {
      for (const serial_short of serials)
        set('castellan_ca_certificate_not_after_timestamp_seconds', 5, {
          role: 'root',
          state: 'active',
          serial_short,
        });
    });
    expect(await metrics.scrape()).toContain('serial_short="bb"} 5');
    serials.pop();
    expect(await metrics.scrape()).not.toContain('serial_short="bb"');
  });

  it('follow the naming rules and carry no identity in labels (adv:O14)', () => {
    for (const [name, spec] of Object.entries({ ...metricSpecs, ...citadelSpecs })) {
      expect(spec.help, name).not.toBe('');
      expect(spec.labels.join(' '), name).not.toMatch(/spiffe|principal|subject|path|address/);
      if (!name.startsWith('castellan_')) continue;
      if (spec.type === 'counter') expect(name).toMatch(/_total$/);
      if (spec.type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });
});

describe('log lines', () => {
  it.each([
    ['authorization: Bearer abc.def.ghi', 'abc.def'],
    ['token castellan_join_QUJDREVGR0g', 'QUJDREVGR0g'],
    ['eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', 'c2ln'],
    ['postgres://castellan:hunter2@db/ca', 'hunter2'],
    ['-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----', 'MHcC'],
  ])('mask what looks like a credential in any text: %s (adv:O07)', (text, secret) => {
    expect(redactText(text)).not.toContain(secret);
    expect(JSON.stringify(redactFields({ note: { deep: [text] } }))).not.toContain(secret);
    expect(JSON.stringify(redactFields({ error: new Error(text) }))).not.toContain(secret);
  });

  it('mask fields by name, and secrets by type (adv:O07)', () => {
    const fields = { passphrase: 'p1', Authorization: 'p2', key: new Secret('p3'), tokenHash: 'kept' };
    const text = JSON.stringify(redactFields(fields));
    expect(text).not.toMatch(/p[123]/);
    expect(text).toContain('"token_hash":"kept"');
  });

  it('are one JSON line each whatever the text holds, and long texts are cut (adv:O06)', () => {
    const dir = mkdtempSync(join(tmpdir(), 'castellan-log-'));
    const path = join(dir, 'log');
    const fd = openSync(path, 'w');
    const logger = jsonLogger({
      level: 'info',
      scopes: { ca: 'debug' },
      always: { trust_domain: 'cluster.local' },
      fd,
    });
    logger.debug('not written');
    logger
      .scoped('ca')
      .debug('issued\r\n{"forged":1}\u001b[2J', { requestId: 'R1', userAgent: 'x'.repeat(1e6) });
    logger.close();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    closeSync(fd);
    rmSync(dir, { recursive: true });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.length).toBeLessThan(2_000);
    expect(lines[0]).not.toContain('\u001b');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'debug',
      scope: 'ca',
      trust_domain: 'cluster.local',
      request_id: 'R1',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
    });
  });
});
