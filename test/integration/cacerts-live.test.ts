import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pluggedDirectory } from '../../src/adapters/cacerts/index.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import {
  type Authority,
  defaultLeafPolicy,
  initialiseAuthority,
  openAuthority,
} from '../../src/authority/index.ts';
import { days, milliseconds } from '../../src/base/duration.ts';
import {
  expectOpensslVerifies,
  fakePorts,
  issueCart,
  trustDomain,
  validateIssuance,
} from '../support/authority.ts';
import { keyPem, type TestCa, testIntermediate, testRoot } from '../support/plugged-ca.ts';

const times = { debounce: milliseconds(20), poll: milliseconds(100) };
const validity = { from: Date.now() - days(1), until: Date.now() + days(1) };
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-cacerts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function write(into: string, signing: TestCa, ...roots: TestCa[]): void {
  const files = {
    'ca-cert.pem': signing.pem,
    'ca-key.pem': keyPem(signing),
    'cert-chain.pem': signing.pem,
    'root-cert.pem': roots.map(({ pem }) => pem).join(''),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(into, name), text, { mode: 0o600 });
}

async function open(path = directory): Promise<Authority> {
  const ports = { ...fakePorts(), clock: systemClock };
  const files = pluggedDirectory(path, { clock: systemClock, times });
  const settings = { trustDomain, leaves: defaultLeafPolicy, hierarchy: { kind: 'plugged' as const, files } };
  await initialiseAuthority(ports, settings);
  return openAuthority(ports, settings);
}

const issuerChange = (authority: Authority) =>
  new Promise<string>((resolve) => {
    authority.onIssuerChange(resolve);
  });

async function expectSignsWith(authority: Authority, ca: TestCa): Promise<void> {
  const issuance = await issueCart(authority);
  expect(issuance.chainPem[1]).toBe(ca.pem);
  expect(validateIssuance(issuance, authority, Date.now()).ok).toBe(true);
}

describe('a running server takes up', () => {
  it('a new intermediate whose files are replaced one after the other', async () => {
    const root = await testRoot(validity);
    const [first, second] = [await testIntermediate(root, validity), await testIntermediate(root, validity)];
    write(directory, first, root);
    await using authority = await open();
    await expectSignsWith(authority, first);
    const changed = issuerChange(authority);
    write(directory, second, root);
    await changed;
    await expectSignsWith(authority, second);
  });

  it('the version that the kubelet swaps in by a symlink', async () => {
    const root = await testRoot(validity);
    const signers = [await testIntermediate(root, validity), await testIntermediate(root, validity)] as const;
    for (const [at, signing] of signers.entries()) {
      mkdirSync(join(directory, `..v${at}`));
      write(join(directory, `..v${at}`), signing, root);
    }
    symlinkSync('..v0', join(directory, '..data'));
    for (const name of ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem'])
      symlinkSync(join('..data', name), join(directory, name));
    await using authority = await open();
    const changed = issuerChange(authority);
    symlinkSync('..v1', join(directory, '..data_tmp'));
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    await changed;
    await expectSignsWith(authority, signers[1]);
  });

  it('a directory that was replaced as a whole, where events are lost', async () => {
    const root = await testRoot(validity);
    const signers = [await testIntermediate(root, validity), await testIntermediate(root, validity)] as const;
    const live = join(directory, 'live');
    for (const [at, signing] of signers.entries()) {
      mkdirSync(join(directory, `v${at}`));
      write(join(directory, `v${at}`), signing, root);
    }
    symlinkSync('v0', live);
    await using authority = await open(live);
    const changed = issuerChange(authority);
    symlinkSync('v1', `${live}.new`);
    renameSync(`${live}.new`, live);
    await changed;
    await expectSignsWith(authority, signers[1]);
  });

  it('added roots and removed ones, counting the bundle up, and keeps on at a swap (csr:R3)', async () => {
    const [a, b, c] = [await testRoot(validity), await testRoot(validity), await testRoot(validity)];
    const [underA, underB] = [await testIntermediate(a, validity), await testIntermediate(b, validity)];
    write(directory, underA, a);
    await using authority = await open();
    const nextBundle = () =>
      new Promise<bigint>((resolve) => {
        const subscription = authority.onBundleChange(({ sequence }) => {
          subscription[Symbol.dispose]();
          resolve(sequence);
        });
      });
    let next = nextBundle();
    write(directory, underA, a, b);
    expect(await next).toBe(2n);
    const changed = issuerChange(authority);
    write(directory, underB, a, b);
    await changed;
    next = nextBundle();
    write(directory, underB, b);
    expect(await next).toBe(3n);
    write(directory, await testIntermediate(c, validity), c);
    await authority.checkNow();
    expect(authority.status().alarms.map(({ code }) => code)).toEqual(['CACERTS_ROOTS_SWAPPED']);
    await expectSignsWith(authority, underB);
  });
});

describe('certs/README.md', () => {
  it('makes CA material that can be plugged in as it stands', async () => {
    const readme = readFileSync(
      join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'certs', 'README.md'),
      'utf8',
    );
    const script = readme.slice(readme.indexOf('To make such material for a trial:'));
    const commands = script.split('\n').filter((line) => line.startsWith('    '));
    const run = spawnSync('bash', ['-euc', commands.join('\n')], { cwd: directory, encoding: 'utf8' });
    expect([run.status, run.status === 0 ? '' : run.stderr]).toEqual([0, '']);
    await using authority = await open();
    const issuance = await issueCart(authority);
    expect(validateIssuance(issuance, authority, Date.now()).ok).toBe(true);
    expectOpensslVerifies(issuance, Date.now());
  });
});
