import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hours } from '../../base/duration.ts';
import { buildSettings } from './build.ts';
import { fields } from './fields.ts';
import { environmentLayer, flagLayer, type Layer, mergeLayers } from './layers.ts';
import { readSecretFile } from './secret-file.ts';

const empty: Layer = { tree: {}, base: '/base', originOf: () => 'default' };
const written = (tree: Record<string, unknown>): Layer => ({
  tree,
  base: '/etc/castellan',
  originOf: (path) => (String(path[0]) in tree ? 'file /etc/castellan/config.yaml:3' : 'default'),
});

function build(...layers: Layer[]) {
  return buildSettings(mergeLayers([empty, ...layers], (base, path) => `${base}:${path}`));
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('settings', () => {
  it('are whole and frozen without a file, a variable or a flag', () => {
    const settings = build();
    expect([settings.trustDomain, settings.csrPort, settings.authority.workloadTtl]).toEqual([
      'cluster.local',
      15_012,
      hours(24),
    ]);
    expect(Object.isFrozen(settings.authority)).toBe(true);
  });

  it('take flag over environment over file over default, and say which won', () => {
    const layers = [
      empty,
      written({ csrPort: 1, adminPort: 1, observabilityPort: 1 }),
      environmentLayer({ CASTELLAN_CSR_PORT: '2', CASTELLAN_ADMIN_PORT: '2' }, '/cwd'),
      flagLayer({ csrPort: '3' }, '/cwd'),
    ];
    const raw = mergeLayers(layers, (_base, path) => path);
    const { csrPort, adminPort, observabilityPort } = buildSettings(raw);
    expect([csrPort, adminPort, observabilityPort]).toEqual([3, 2, 1]);
    expect(
      ['csrPort', 'adminPort', 'observabilityPort', 'trustDomain'].map((name) => raw.originOf([name])),
    ).toEqual([
      'flag --csr-port',
      'env CASTELLAN_ADMIN_PORT',
      'file /etc/castellan/config.yaml:3',
      'default',
    ]);
  });

  it('have one rule for names: fooBar is --foo-bar and CASTELLAN_FOO_BAR', () => {
    const field = fields.find(({ name }) => name === 'authority.maxWorkloadTtl');
    expect([field?.flag, field?.env]).toEqual([
      '--authority-max-workload-ttl',
      'CASTELLAN_AUTHORITY_MAX_WORKLOAD_TTL',
    ]);
    expect(new Set(fields.map(({ env }) => env)).size).toBe(fields.length);
    expect(fields.filter(({ description }) => description === '')).toEqual([]);
  });

  it('read relative paths from where they were written, in lists too (adv:P13)', () => {
    const settings = build(
      written({ authority: { cacertsDir: 'ca' }, issuers: [{ issuer: 'https://i', jwksFile: 'keys.json' }] }),
      flagLayer({ stateDir: 'state' }, '/cwd'),
    );
    expect([settings.authority.cacertsDir, settings.issuers[0]?.jwksFile, settings.stateDir]).toEqual([
      '/etc/castellan:ca',
      '/etc/castellan:keys.json',
      '/cwd:state',
    ]);
  });

  it.each([
    [{ trustDomian: 'a' }, 'SETTING_UNKNOWN', 'did you mean `trustDomain`?'],
    [{ authority: { workloadTTL: '1h' } }, 'SETTING_UNKNOWN', 'did you mean `workloadTtl`?'],
    [{ workloadTtl: '1h' }, 'SETTING_UNKNOWN', 'did you mean `authority.workloadTtl`?'],
    [{ issuers: [{ issuer: 'x', jwksFil: 'y' }] }, 'SETTING_UNKNOWN', '`issuers[0].jwksFil`'],
    [{ authority: { passphrase: 'hunter2' } }, 'SETTING_SECRET_INLINE', 'passphraseFile'],
    [{ csrPort: '15012' }, 'SETTING_INVALID', '`csrPort` (file /etc/castellan/config.yaml:3)'],
    [{ csrPort: 70_000 }, 'SETTING_INVALID', 'csrPort'],
    [{ trustDomain: 'Cluster.Local' }, 'SETTING_INVALID', 'not a trust domain name'],
    [{ authority: { workloadTtl: 'soon' } }, 'SETTING_INVALID', 'not a duration'],
    [
      { authority: { workloadTtl: '2h', maxWorkloadTtl: '1h' } },
      'SETTING_INVALID',
      'longer than the longest',
    ],
    [{ authority: { passphraseFile: 'a', passphraseEnv: 'B' } }, 'SETTING_INVALID', 'more than one source'],
    [{ issuers: [{ issuer: 'x' }] }, 'SETTING_INVALID', 'exactly one of'],
    [{ xfcc: { trustedCidrs: ['010.0.0.0/8'] } }, 'SETTING_INVALID', 'not an address range'],
  ])('refuse %j by name and place (adv:P13)', (tree, wanted, text) => {
    const act = () => build(written(tree));
    expect(act).toThrow(code(wanted));
    expect(act).toThrow(text);
    expect(act).not.toThrow('hunter2');
  });

  it('report every problem at once', () => {
    expect(() => build(written({ csrPort: -1, adminPort: -1 }))).toThrow(/csrPort.*adminPort/);
  });
});

describe('settings from the environment', () => {
  it('accept the names that Istio uses, and our own win', () => {
    const env = {
      TRUST_DOMAIN: 'old.example',
      MAX_WORKLOAD_CERT_TTL: '48h',
      CA_TRUSTED_NODE_ACCOUNTS: 'istio-system/ztunnel,kube-system/ztunnel',
      CASTELLAN_TRUST_DOMAIN: 'new.example',
    };
    const settings = build(environmentLayer(env, '/cwd'));
    expect([settings.trustDomain, settings.authority.maxWorkloadTtl, settings.trustedNodeAccounts]).toEqual([
      'new.example',
      hours(48),
      ['istio-system/ztunnel', 'kube-system/ztunnel'],
    ]);
  });

  it('say so when a name of Istio asks for what this server does not do', () => {
    expect(environmentLayer({ EXTERNAL_CA: 'ISTIOD_RA_KUBERNETES_API' }, '/').notices).toEqual([
      'EXTERNAL_CA has no effect: an external CA is not supported',
    ]);
  });

  it('refuse an unknown CASTELLAN_ name with the nearest one, but not what Kubernetes injects (adv:P13)', () => {
    expect(() => environmentLayer({ CASTELLAN_TRUST_DOMIAN: 'a' }, '/')).toThrow('CASTELLAN_TRUST_DOMAIN');
    const links = { CASTELLAN_SERVICE_HOST: '10.0.0.1', CASTELLAN_PORT_15012_TCP_ADDR: '10.0.0.1' };
    expect(environmentLayer(links, '/').tree).toEqual({});
  });

  it.each([
    ['CASTELLAN_CSR_PORT', '0x10'],
    ['CASTELLAN_REFLECTION', 'yes'],
    ['CASTELLAN_ISSUERS', '[]'],
  ])('refuse %s=%s, which cannot be what was meant', (name, text) => {
    expect(() => environmentLayer({ [name]: text }, '/')).toThrow(code('SETTING_INVALID'));
  });
});

describe('secret sources', () => {
  const dir = mkdtempSync(join(tmpdir(), 'castellan-secret-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const file = (name: string, mode: number) => {
    const path = join(dir, name);
    writeFileSync(path, 'correct horse\n', { mode });
    return path;
  };

  it('are a private file, without its line break (adv:S18)', () => {
    expect(readSecretFile(file('good', 0o400))).toBe('correct horse');
  });

  it('are refused when others can read them, or when they are no plain file (adv:S18)', () => {
    symlinkSync(file('target', 0o600), join(dir, 'link'));
    for (const path of [file('loose', 0o644), join(dir, 'link'), dir])
      expect(() => readSecretFile(path), path).toThrow(code('SETTING_SECRET_SOURCE_UNSAFE'));
    expect(() => readSecretFile(join(dir, 'none'))).toThrow(code('SETTING_SECRET_MISSING'));
  });
});
