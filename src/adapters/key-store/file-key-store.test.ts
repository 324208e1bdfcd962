import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../base/secret.ts';
import { FileKeyStore, type KeyProtection } from './file-key-store.ts';
import { PassphraseLock } from './passphrase-lock.ts';

const cheap = 2 ** 10;
const sealedWith = (text: string): KeyProtection => ({
  kind: 'passphrase',
  passphrase: new Secret(text),
  scryptCost: cheap,
});
const right = sealedWith('correct horse battery');
const isRoot = process.geteuid?.() === 0;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-keys-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));
const keyFile = (name: string) => join(directory, `${name}.key`);

describe('a key file', () => {
  it.each(['P-256', 'P-384', 'RSA-2048', 'Ed25519'] as const)(
    'gives back the %s key that was made',
    async (type) => {
      const made = await new FileKeyStore(directory, right).create('root-1', type);
      const opened = await new FileKeyStore(directory, right).open('root-1');
      expect(opened?.publicKey.spkiSha256).toBe(made.publicKey.spkiSha256);
      expect(statSync(keyFile('root-1')).mode & 0o777).toBe(0o600);
      expect(readFileSync(keyFile('root-1'), 'utf8')).not.toContain('PRIVATE KEY');
    },
  );

  it('is sealed at the full cost of 2^17 when nothing else is said', async () => {
    const protection = { kind: 'passphrase', passphrase: new Secret('correct horse battery') } as const;
    const made = await new FileKeyStore(directory, protection).create('root-1', 'P-256');
    expect(readFileSync(keyFile('root-1'), 'utf8')).toContain('"n":131072,"r":8,"p":1');
    const opened = await new FileKeyStore(directory, protection).open('root-1');
    expect(opened?.publicKey.spkiSha256).toBe(made.publicKey.spkiSha256);
  });

  it('is plain PKCS #8 without a passphrase, and the store says that it does not encrypt', async () => {
    const store = new FileKeyStore(directory, { kind: 'none' });
    const made = await store.create('root-1', 'P-256');
    expect(store.isEncrypted).toBe(false);
    expect(readFileSync(keyFile('root-1'), 'utf8')).toContain('-----BEGIN PRIVATE KEY-----');
    expect((await store.open('root-1'))?.publicKey.spkiSha256).toBe(made.publicKey.spkiSha256);
  });

  it('is never overwritten, and a missing one is told, not made (adv:S06)', async () => {
    const store = new FileKeyStore(directory, right);
    const made = await store.create('root-1', 'P-256');
    await expect(store.create('root-1', 'P-256')).rejects.toMatchObject({ code: 'KEY_EXISTS' });
    expect((await store.open('root-1'))?.publicKey.spkiSha256).toBe(made.publicKey.spkiSha256);
    expect(await store.open('root-2')).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['root-1.key']);
  });

  it('can be removed twice', async () => {
    const store = new FileKeyStore(directory, right);
    await store.create('root-1', 'P-256');
    await store.remove('root-1');
    await store.remove('root-1');
    expect(await store.open('root-1')).toBeUndefined();
  });

  it('has a name that cannot leave its directory', async () => {
    await expect(new FileKeyStore(directory, right).open('../root-1')).rejects.toThrow(TypeError);
  });
});

describe('unlocking', () => {
  beforeEach(async () => {
    await new FileKeyStore(directory, right).create('root-1', 'P-256');
  });

  it.each([
    ['a wrong passphrase', sealedWith('wrong horse battery'), (text: string) => text],
    ['an empty passphrase', sealedWith(''), (text: string) => text],
    ['a truncated file', right, (text: string) => text.slice(0, -20)],
    ['an empty file', right, () => ''],
    ['a file without a body', right, (text: string) => text.split('\n')[0] ?? ''],
    [
      'a header that asks for endless work',
      right,
      (text: string) => text.replace('"n":1024', '"n":1073741824'),
    ],
    [
      'a header of another version',
      right,
      (text: string) => text.replace('castellan-key/1', 'castellan-key/2'),
    ],
  ])('fails on %s with the one message and nothing more (adv:S17)', async (_, protection, damage) => {
    writeFileSync(keyFile('root-1'), damage(readFileSync(keyFile('root-1'), 'latin1')), { mode: 0o600 });
    const failure = await new FileKeyStore(directory, protection)
      .open('root-1')
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'KEY_CANNOT_UNLOCK',
      message: 'cannot unlock the key `root-1`',
    });
    expect((failure as Error).cause).toBeUndefined();
  });

  it('fails when any one byte of the file was flipped (adv:S17)', async () => {
    const bytes = readFileSync(keyFile('root-1'));
    const lock = () => new PassphraseLock(new Secret('correct horse battery'), cheap);
    expect(await lock().unseal('root-1', bytes.toString('latin1'))).toBeInstanceOf(Buffer);
    const shared = lock();
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ 1;
      expect([at, await shared.unseal('root-1', flipped.toString('latin1'))]).toEqual([at, undefined]);
    }
  });

  it('costs one run of scrypt whatever is wrong, so that time tells nothing either (adv:S17)', async () => {
    const text = readFileSync(keyFile('root-1'), 'latin1');
    const cases: [string, string][] = [
      ['correct horse battery', text],
      ['wrong horse battery', text],
      ['', text],
      ['correct horse battery', text.slice(0, 30)],
      ['correct horse battery', ''],
      ['correct horse battery', text.replace('"root-1"', '"root-2"')],
    ];
    for (const [passphrase, content] of cases) {
      const lock = new PassphraseLock(new Secret(passphrase), cheap);
      await lock.unseal('root-1', content);
      expect(lock.derivations).toBe(1);
    }
  });

  it('fails for a key that was put under the name of another (adv:S17)', async () => {
    copyFileSync(keyFile('root-1'), keyFile('intermediate-2'));
    await expect(new FileKeyStore(directory, right).open('intermediate-2')).rejects.toMatchObject({
      code: 'KEY_CANNOT_UNLOCK',
    });
  });

  it('asks for the passphrase when the key is sealed and none is given', async () => {
    await expect(new FileKeyStore(directory, { kind: 'none' }).open('root-1')).rejects.toMatchObject({
      code: 'PASSPHRASE_MISSING',
    });
  });

  it('refuses an unencrypted key where a passphrase promises encryption', async () => {
    await new FileKeyStore(directory, { kind: 'none' }).create('root-2', 'P-256');
    await expect(new FileKeyStore(directory, right).open('root-2')).rejects.toMatchObject({
      code: 'KEY_NOT_ENCRYPTED',
    });
  });

  it('refuses to seal with a passphrase that is easily tried', async () => {
    await expect(
      new FileKeyStore(directory, sealedWith('short')).create('root-2', 'P-256'),
    ).rejects.toMatchObject({
      code: 'PASSPHRASE_REFUSED',
    });
  });

  it('derives once for all keys of a store, and each has its own nonce', async () => {
    const lock = new PassphraseLock(new Secret('correct horse battery'), cheap);
    const sealed = await Promise.all(['a', 'b', 'c'].map((name) => lock.seal(name, Buffer.from('same'))));
    expect(lock.derivations).toBe(1);
    expect(new Set(sealed.map((text) => text.split('\n')[1])).size).toBe(3);
  });
});

describe('a key file that is not safe refuses the start', () => {
  const refused = (problem: RegExp) => ({
    code: 'KEY_FILE_INSECURE',
    message: expect.stringMatching(problem) as string,
  });
  const open = (protection = right) => new FileKeyStore(directory, protection).open('root-1');

  beforeEach(async () => {
    await new FileKeyStore(directory, right).create('root-1', 'P-256');
  });

  it.each(['644', '640', '660', '604', '610'])('with mode 0%s (adv:S16)', async (mode) => {
    chmodSync(keyFile('root-1'), Number.parseInt(mode, 8));
    await expect(open()).rejects.toMatchObject(refused(/has mode 0\d{3}, which lets others in/));
  });

  it('not when it is only narrower than 0600', async () => {
    chmodSync(keyFile('root-1'), 0o400);
    expect(await open()).toBeDefined();
  });

  it('when it is a symbolic link (adv:S16)', async () => {
    renameSync(keyFile('root-1'), join(directory, 'elsewhere'));
    symlinkSync('elsewhere', keyFile('root-1'));
    await expect(open()).rejects.toMatchObject(refused(/is a symbolic link/));
  });

  it('when it is a FIFO, without waiting for a writer (adv:S16)', async () => {
    rmSync(keyFile('root-1'));
    execFileSync('mkfifo', ['-m', '600', keyFile('root-1')]);
    await expect(open()).rejects.toMatchObject(refused(/is not a regular file/));
  });

  it('when it is a directory (adv:S16)', async () => {
    rmSync(keyFile('root-1'));
    execFileSync('mkdir', ['-m', '700', keyFile('root-1')]);
    await expect(open()).rejects.toMatchObject(refused(/is not a regular file/));
  });

  it('when it belongs to someone else (adv:S16)', async () => {
    const stranger = new FileKeyStore(directory, right, (process.geteuid?.() ?? 0) + 1);
    await expect(stranger.open('root-1')).rejects.toMatchObject(refused(/belongs to user \d+, not to \d+/));
  });

  it.runIf(isRoot)('when root meets a key of an ordinary user (adv:S16)', async () => {
    chownSync(keyFile('root-1'), 65_534, 65_534);
    await expect(open()).rejects.toMatchObject(refused(/belongs to user 65534, not to 0/));
  });

  it('when it is far larger than any key', async () => {
    writeFileSync(keyFile('root-1'), 'x'.repeat(20_000), { mode: 0o600 });
    await expect(open()).rejects.toMatchObject(refused(/is larger than/));
    expect(existsSync(keyFile('root-1'))).toBe(true);
  });
});
