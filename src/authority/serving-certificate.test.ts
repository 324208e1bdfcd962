import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fakeEphemeralKeys } from '../../test/fakes/authority-stores.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import {
  type FakePorts,
  fakePorts,
  newAuthority,
  openssl,
  trustDomain,
  withDirectory,
} from '../../test/support/authority.ts';
import { FakePluggedFiles, pluggedFiles, testIntermediate, testRoot } from '../../test/support/plugged-ca.ts';
import { days, hours, minutes } from '../base/duration.ts';
import { parseCertificatesPem, publicKeyOf, validatePath } from '../x509/index.ts';
import type { Authority, Issuance } from './authority.ts';
import { defaultLeafPolicy, initialiseAuthority, openAuthority } from './open-authority.ts';
import { defaultServingNames, openServingCertificate, type ServingMaterial } from './serving-certificate.ts';

const openFor = (authority: Authority, ports: FakePorts, record?: (issuance: Issuance) => Promise<void>) =>
  openServingCertificate({
    authority,
    keys: fakeEphemeralKeys,
    clock: ports.clock,
    logger: ports.logger,
    ...defaultServingNames,
    ...(record === undefined ? {} : { record }),
  });

function validate(material: ServingMaterial, authority: Authority, now: number) {
  const chain = parseCertificatesPem(material.chainPem).map(({ der }) => der);
  return validatePath(chain, { now, purpose: 'server', rootsFor: () => authority.roots() });
}

describe('our own serving certificate', () => {
  it('bears the names that clients look for, the ID of the server, and a chain without the root', async () => {
    const { authority, ports } = await newAuthority();
    await using serving = await openFor(authority, ports);
    const material = serving.current();
    const [leaf, ...middle] = parseCertificatesPem(material.chainPem);
    expect(leaf?.san?.uris).toEqual(['spiffe://cluster.local/castellan/server']);
    expect(leaf?.san?.dnsNames).toContain('localhost');
    expect(leaf?.san?.dnsNames).toContain('istiod.istio-system.svc');
    expect(leaf?.san?.ips).toHaveLength(2);
    expect(middle).toHaveLength(1);
    expect(publicKeyOf(createPrivateKey(material.privateKeyPem)).spkiSha256).toBe(leaf?.publicKey.spkiSha256);
    expect(validate(material, authority, ports.clock.now()).ok).toBe(true);
  });

  it('is renewed with a new key at half of its life, for as long as the server runs', async () => {
    const { authority, ports } = await newAuthority();
    await using serving = await openFor(authority, ports);
    const keys = new Set([serving.current().privateKeyPem]);
    serving.onChange(({ privateKeyPem }) => keys.add(privateKeyPem));
    for (let day = 0; day < 60; day++) {
      await ports.clock.advance(days(1));
      const { notBefore, notAfter } = serving.current();
      expect(ports.clock.now()).toBeLessThan((notBefore + notAfter) / 2 + hours(1));
      expect(validate(serving.current(), authority, ports.clock.now()).ok).toBe(true);
    }
    expect(keys.size).toBeGreaterThan(110);
  });

  it('is on record before it is used (adv:S02)', async () => {
    const { authority, ports } = await newAuthority();
    const recorded: string[] = [];
    let isStoreAway = false;
    await using serving = await openFor(authority, ports, async ({ serial }) => {
      if (isStoreAway) throw new Error('store is away');
      recorded.push(serial);
    });
    const first = serving.current().serial;
    expect(recorded).toEqual([first]);
    isStoreAway = true;
    await ports.clock.advance(hours(14));
    expect(serving.current().serial).toBe(first);
    expect(serving.alarms()).toMatchObject([{ message: 'store is away' }]);
    isStoreAway = false;
    await ports.clock.advance(minutes(2));
    expect(recorded).toEqual([first, serving.current().serial]);
    expect(serving.alarms()).toEqual([]);
  });

  it('is made anew at once when another root or issuer signs', async () => {
    const [a, b] = [await testRoot(), await testRoot()];
    const source = new FakePluggedFiles(pluggedFiles([await testIntermediate(a)], [a]));
    const ports = fakePorts();
    const settings = {
      trustDomain,
      leaves: defaultLeafPolicy,
      hierarchy: { kind: 'plugged' as const, files: source },
    };
    await initialiseAuthority(ports, settings);
    await using authority = await openAuthority(ports, settings);
    await using serving = await openFor(authority, ports);
    const underB = await testIntermediate(b);
    source.put(pluggedFiles([underB], [a, b]));
    await ports.clock.advance(0);
    await ports.clock.advance(0);
    expect(serving.current().chainPem).toContain(underB.pem);
    source.put(pluggedFiles([underB], [b]));
    await ports.clock.advance(0);
    await ports.clock.advance(0);
    expect(validate(serving.current(), authority, ports.clock.now()).ok).toBe(true);
  });

  it('is not served when peers would refuse it: the plugged-in CA is constrained to other names', async () => {
    const constrained = withDirectory((directory) => {
      const key = [
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        'key',
        '-out',
        'cert',
      ];
      const extensions = [
        'basicConstraints=critical,CA:TRUE',
        'keyUsage=critical,keyCertSign',
        'nameConstraints=critical,permitted;URI:other.test',
      ].flatMap((extension) => ['-addext', extension]);
      openssl(
        ['req', '-x509', '-new', ...key, '-days', '3650', '-subj', '/O=other.test', ...extensions],
        directory,
      );
      const read = (name: string) => readFileSync(join(directory, name), 'utf8');
      return { pem: read('cert'), signingKeyPem: read('key') };
    });
    const ports = fakePorts('constrained', new FakeClock(Date.now() + hours(1)));
    const { pem, signingKeyPem } = constrained;
    const files = {
      ...pluggedFiles([await testRoot()], []),
      signingCertificatePem: pem,
      signingKeyPem,
      chainPem: '',
      rootsPem: pem,
    };
    const source = new FakePluggedFiles(files);
    const settings = {
      trustDomain,
      leaves: defaultLeafPolicy,
      hierarchy: { kind: 'plugged' as const, files: source },
    };
    await initialiseAuthority(ports, settings);
    await using authority = await openAuthority(ports, settings);
    await expect(openFor(authority, ports)).rejects.toMatchObject({
      code: 'CERT_GEN_ERROR',
      details: { reason: 'name_constraints' },
    });
  });

  it('stops renewing when it is disposed of', async () => {
    const { authority, ports } = await newAuthority();
    const before = ports.clock.pendingTimers;
    const serving = await openFor(authority, ports);
    await serving[Symbol.asyncDispose]();
    expect(ports.clock.pendingTimers).toBe(before);
  });
});
