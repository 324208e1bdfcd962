import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { fakePorts, issueCart, trustDomain, validateIssuance } from '../../../test/support/authority.ts';
import { keyPem, testCrl, testIntermediate, testRoot } from '../../../test/support/plugged-ca.ts';
import {
  type Authority,
  defaultLeafPolicy,
  initialiseAuthority,
  openAuthority,
} from '../../authority/index.ts';
import { holdsPluggedFiles, pluggedDirectory } from './index.ts';
import { readPluggedDirectory } from './read-directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-cacerts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>, into = directory): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(into, name), text, { mode: 0o600 });
}

async function material() {
  const root = await testRoot();
  const signing = await testIntermediate(root);
  return {
    root,
    signing,
    istio: {
      'ca-cert.pem': signing.pem,
      'ca-key.pem': keyPem(signing),
      'cert-chain.pem': signing.pem,
      'root-cert.pem': root.pem,
    },
    tls: { 'tls.crt': signing.pem, 'tls.key': keyPem(signing), 'ca.crt': root.pem },
  };
}

async function openHere(): Promise<Authority> {
  const ports = fakePorts();
  const files = pluggedDirectory(directory, { clock: new FakeClock() });
  const settings = { trustDomain, leaves: defaultLeafPolicy, hierarchy: { kind: 'plugged' as const, files } };
  await initialiseAuthority(ports, settings);
  return openAuthority(ports, settings);
}

describe('a cacerts directory', () => {
  it('in the layout of Istio gives leaf, chain and roots (csr:C2)', async () => {
    const { istio, signing, root } = await material();
    write(istio);
    await using authority = await openHere();
    const issuance = await issueCart(authority);
    expect(issuance.chainPem.slice(1)).toEqual([signing.pem, root.pem]);
    expect(validateIssuance(issuance, authority, issuance.notBefore).ok).toBe(true);
  });

  it('in the layout of kubernetes.io/tls has tls.crt and ca.crt for a chain, as Istio does (csr:C2)', async () => {
    const { tls, signing, root } = await material();
    write(tls);
    await using authority = await openHere();
    const issuance = await issueCart(authority);
    expect(issuance.chainPem.slice(1)).toEqual([signing.pem, root.pem, root.pem]);
    expect(validateIssuance(issuance, authority, issuance.notBefore).ok).toBe(true);
  });

  it.each(['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'])(
    'without %s refuses the start and names it (csr:P1)',
    async (missing) => {
      write((await material()).istio);
      rmSync(join(directory, missing));
      await expect(openHere()).rejects.toMatchObject({
        code: 'CACERTS_INCOMPLETE',
        message: expect.stringContaining(`lacks \`${missing}\` (`) as string,
        details: { missing },
      });
    },
  );

  it.each(['tls.crt', 'tls.key', 'ca.crt'])(
    'of the other layout without %s refuses the start and names it (csr:P1)',
    async (missing) => {
      write((await material()).tls);
      rmSync(join(directory, missing));
      await expect(openHere()).rejects.toMatchObject({ code: 'CACERTS_INCOMPLETE', details: { missing } });
    },
  );

  it('that is empty or absent holds nothing, and is no reason to start without', async () => {
    expect(await holdsPluggedFiles(directory)).toBe(false);
    expect(await holdsPluggedFiles(join(directory, 'absent'))).toBe(false);
    await expect(openHere()).rejects.toMatchObject({ code: 'CACERTS_INCOMPLETE' });
    write({ 'ca-cert.pem': '' });
    expect(await holdsPluggedFiles(directory)).toBe(true);
  });

  it('may hold revocation lists (csr:P3)', async () => {
    const { istio, signing } = await material();
    write({ ...istio, 'ca-crl.pem': testCrl(signing) });
    await using authority = await openHere();
    expect(authority.crls()).toHaveLength(1);
  });

  it('is read as one version where the kubelet has put it behind a symlink', async () => {
    const { istio } = await material();
    mkdirSync(join(directory, '..v1'));
    write(istio, join(directory, '..v1'));
    symlinkSync('..v1', join(directory, '..data'));
    for (const name of Object.keys(istio)) symlinkSync(join('..data', name), join(directory, name));
    expect((await readPluggedDirectory(directory)).signingCertificatePem).toBe(istio['ca-cert.pem']);
  });

  it('with a key that others can read is accepted with a warning: Secrets are mounted so', async () => {
    write((await material()).istio);
    chmodSync(join(directory, 'ca-key.pem'), 0o644);
    const { warnings } = await readPluggedDirectory(directory);
    expect(warnings).toEqual([expect.stringMatching(/ca-key.pem can be read by others \(mode 0644\)/)]);
  });

  it('with a FIFO, a directory or a huge file in it is refused without waiting', async () => {
    write((await material()).istio);
    const chain = join(directory, 'cert-chain.pem');
    const refused = {
      code: 'CACERTS_UNREADABLE',
      message: expect.stringContaining('`cert-chain.pem`') as string,
    };
    rmSync(chain);
    execFileSync('mkfifo', [chain]);
    await expect(openHere()).rejects.toMatchObject(refused);
    renameSync(chain, join(directory, 'fifo'));
    mkdirSync(chain);
    await expect(openHere()).rejects.toMatchObject(refused);
    rmSync(chain, { recursive: true });
    writeFileSync(chain, 'x'.repeat(1024 * 1024 + 1));
    await expect(openHere()).rejects.toMatchObject(refused);
  });
});
