import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakePorts, issueCart, selfManaged, validateIssuance } from '../../../test/support/authority.ts';
import { initialiseAuthority, openAuthority } from '../../authority/index.ts';
import { Secret } from '../../base/secret.ts';
import type { KeyProtection } from './file-key-store.ts';
import {
  type AuthorityFiles,
  createAuthorityDirectory,
  isAuthorityDirectoryFree,
  openAuthorityDirectory,
} from './state-directory.ts';

const protection: KeyProtection = {
  kind: 'passphrase',
  passphrase: new Secret('correct horse battery'),
  scryptCost: 2 ** 10,
};
let state: string;
let directory: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'castellan-state-'));
  directory = join(state, 'authority');
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const fill = (files: AuthorityFiles) => initialiseAuthority({ ...fakePorts(), ...files }, selfManaged);
const open = async () =>
  openAuthority({ ...fakePorts(), ...(await openAuthorityDirectory(directory, protection)) }, selfManaged);

describe('the directory of an authority', () => {
  it('holds its journal and its keys, for no one else to read, and opens again', async () => {
    expect(await isAuthorityDirectoryFree(directory)).toBe(true);
    await createAuthorityDirectory(directory, protection, fill);
    expect(await isAuthorityDirectoryFree(directory)).toBe(false);
    expect(readdirSync(directory).sort()).toEqual([
      'audit.key',
      'intermediate-2.key',
      'journal.json',
      'jwt-3.key',
      'root-1.key',
    ]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory))
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    const [first, second] = [await open(), await open()];
    expect(first.rootsPem()).toBe(second.rootsPem());
    const issuance = await issueCart(first);
    expect(validateIssuance(issuance, second, issuance.notBefore).ok).toBe(true);
  });

  it('is not made over anything that is there (adv:S06)', async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'something'), '');
    await expect(createAuthorityDirectory(directory, protection, fill)).rejects.toMatchObject({
      code: 'AUTHORITY_EXISTS',
    });
    expect(readdirSync(directory)).toEqual(['something']);
  });

  it('takes the place of an empty directory, such as a mounted one', async () => {
    mkdirSync(directory);
    await createAuthorityDirectory(directory, protection, fill);
    expect(readdirSync(directory)).toContain('journal.json');
  });

  it('is not there at all after a failure in the middle of making it', async () => {
    const failing = async (files: AuthorityFiles) => {
      await fill(files);
      throw new Error('power cut');
    };
    await expect(createAuthorityDirectory(directory, protection, failing)).rejects.toThrow('power cut');
    expect(readdirSync(state)).toEqual([]);
    await createAuthorityDirectory(directory, protection, fill);
  });

  it('is not made by opening it (adv:S06)', async () => {
    await expect(open()).rejects.toMatchObject({ code: 'AUTHORITY_MISSING' });
    mkdirSync(directory, { mode: 0o700 });
    await expect(open()).rejects.toMatchObject({ code: 'AUTHORITY_MISSING' });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('lacking a key is not opened, and no key is made (adv:S06)', async () => {
    await createAuthorityDirectory(directory, protection, fill);
    rmSync(join(directory, 'root-1.key'));
    await expect(open()).rejects.toMatchObject({ code: 'AUTHORITY_KEY_MISSING' });
    expect(readdirSync(directory)).not.toContain('root-1.key');
  });

  it.each(['755', '770'])('is not opened when others may enter it, mode 0%s (adv:S16)', async (mode) => {
    await createAuthorityDirectory(directory, protection, fill);
    chmodSync(directory, Number.parseInt(mode, 8));
    await expect(open()).rejects.toMatchObject({ code: 'KEY_FILE_INSECURE' });
  });

  it('loses what a crash in the middle of a write left behind (adv:S19)', async () => {
    await createAuthorityDirectory(directory, protection, fill);
    const orphan = join(directory, '.intermediate-3.key.0123456789ab.tmp');
    writeFileSync(orphan, 'half a key', { mode: 0o600 });
    await open();
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
