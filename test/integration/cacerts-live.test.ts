import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pluggedDirectory } from '../../src/adapters/cacerts/index.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { stageRoots } from '../../src/app/stage-roots.ts';
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
import { type TestCa, testIntermediate, testRoot, writePluggedSet } from '../support/plugged-ca.ts';

const times = { debounce: milliseconds(20), poll: milliseconds(100) };
const validity = { from: Date.now() - days(1), until: Date.now() + days(1) };
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-cacerts-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function open(path = directory, ports = { ...fakePorts(), clock: systemClock }): Promise<Authority> {
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
    writePluggedSet(directory, first, root);
    await using authority = await open();
    await expectSignsWith(authority, first);
    const changed = issuerChange(authority);
    writePluggedSet(directory, second, root);
    await changed;
    await expectSignsWith(authority, second);
  });

  it('the version that the kubelet swaps in by a symlink', async () => {
    const root = await testRoot(validity);
    const signers = [await testIntermediate(root, validity), await testIntermediate(root, validity)] as const;
    for (const [at, signing] of signers.entries()) {
      mkdirSync(join(directory, `..v${at}`));
      writePluggedSet(join(directory, `..v${at}`), signing, root);
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
      writePluggedSet(join(directory, `v${at}`), signing, root);
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
    writePluggedSet(directory, underA, a);
    await using authority = await open();
    const nextBundle = () =>
      new Promise<bigint>((resolve) => {
        const subscription = authority.onBundleChange(({ sequence }) => {
          subscription[Symbol.dispose]();
          resolve(sequence);
        });
      });
    let next = nextBundle();
    writePluggedSet(directory, underA, a, b);
    expect(await next).toBe(2n);
    const changed = issuerChange(authority);
    writePluggedSet(directory, underB, a, b);
    await changed;
    next = nextBundle();
    writePluggedSet(directory, underB, b);
    expect(await next).toBe(3n);
    writePluggedSet(directory, await testIntermediate(c, validity), c);
    await authority.checkNow();
    expect(authority.status().alarms.map(({ code }) => code)).toEqual(['CACERTS_ROOTS_SWAPPED']);
    await expectSignsWith(authority, underB);
  });
});

describe('the steps to a CA under other roots', () => {
  const aside = (name: string) => join(directory, 'aside', name);
  const put = (from: string) => cpSync(from, join(directory, 'live'), { recursive: true });

  async function twoSets() {
    const [a, b] = [await testRoot(validity), await testRoot(validity)];
    const [underA, underB] = [await testIntermediate(a, validity), await testIntermediate(b, validity)];
    writePluggedSet(aside('old'), underA, a);
    writePluggedSet(aside('new'), underB, b);
    return { a, b, underA, underB };
  }
  const stage = (out: string) => stageRoots({ from: aside('old'), to: aside('new'), out, now: Date.now() });

  it('are made as whole sets, and a running server takes each of them up (csr:R3)', async () => {
    const { a, b, underA, underB } = await twoSets();
    const steps = await stage(aside('steps'));
    expect(steps.map(({ name, roots }) => `${name} ${roots}`)).toEqual([
      '1-publish 2',
      '2-activate 2',
      '3-retire 1',
    ]);
    for (const { directory: step } of steps)
      expect([statSync(step).mode & 0o777, statSync(join(step, 'ca-key.pem')).mode & 0o777]).toEqual([
        0o700, 0o600,
      ]);
    put(aside('old'));
    await using authority = await open(join(directory, 'live'));
    const ofYesterday = await issueCart(authority);
    const expected = [
      [underA, [a, b]],
      [underB, [a, b]],
      [underB, [b]],
    ] as const;
    for (const [i, [signer, roots]] of expected.entries()) {
      put(steps[i]?.directory ?? '');
      await expect
        .poll(async () => {
          await authority.checkNow();
          return [authority.rootsPem(), (await issueCart(authority)).chainPem[1]];
        })
        .toEqual([roots.map(({ pem }) => pem).join(''), signer.pem]);
      expect(authority.status().alarms).toEqual([]);
      // A leaf of before goes on being accepted as long as its root is published.
      expect(validateIssuance(ofYesterday, authority, Date.now()).ok).toBe(i < 2);
    }
  });

  it('are told apart: an exchange is refused, two steps at once are taken up with a warning (csr:R3)', async () => {
    const { underA, underB } = await twoSets();
    const [publish, activate, retire] = await stage(aside('steps'));
    const ports = { ...fakePorts(), clock: systemClock };
    const after = async (authority: Authority, from = '') => {
      put(from);
      await authority.checkNow();
      return authority.status().alarms.map(({ code }) => code);
    };
    const warnings = () =>
      ports.logger.lines.flatMap(({ level, message }) => (level === 'warn' ? [message] : []));
    put(aside('old'));
    await using authority = await open(join(directory, 'live'), ports);
    expect(await after(authority, aside('new'))).toEqual(['CACERTS_ROOTS_SWAPPED']);
    await expectSignsWith(authority, underA);
    expect(await after(authority, activate?.directory)).toEqual([]);
    expect(warnings().filter((text) => text.includes('a root that peers are given only now'))).toHaveLength(
      1,
    );
    await expectSignsWith(authority, underB);
    expect(await after(authority, publish?.directory)).toEqual([]);
    expect(await after(authority, retire?.directory)).toEqual([]);
    expect(warnings().filter((text) => text.includes('is gone with its signer'))).toHaveLength(1);
    await expectSignsWith(authority, underB);
  });

  it('are not made over something, nor from a set that is not whole, nor where none is needed', async () => {
    const { a, underA } = await twoSets();
    mkdirSync(aside('there'));
    await expect(stage(aside('there'))).rejects.toMatchObject({ code: 'STAGE_IN_THE_WAY' });
    writePluggedSet(aside('new'), await testIntermediate(a, validity), a);
    await expect(stage(aside('steps'))).rejects.toMatchObject({ code: 'STAGE_NOT_NEEDED' });
    rmSync(join(aside('new'), 'cert-chain.pem'));
    await expect(stage(aside('steps'))).rejects.toMatchObject({ code: 'CACERTS_INCOMPLETE' });
    writePluggedSet(aside('new'), underA, await testRoot(validity));
    await expect(stage(aside('steps'))).rejects.toMatchObject({ code: 'CACERTS_CHAIN_BROKEN' });
    expect(existsSync(aside('steps'))).toBe(false);
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
