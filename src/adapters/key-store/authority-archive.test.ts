import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../base/secret.ts';
import { packAuthority, unpackAuthority } from './authority-archive.ts';
import type { KeyProtection } from './file-key-store.ts';
import { createAuthorityDirectory, openAuthorityDirectory } from './state-directory.ts';

const cheap = 2 ** 10;
const sealed = (text: string): KeyProtection => ({
  kind: 'passphrase',
  passphrase: new Secret(text),
  scryptCost: cheap,
});
const plain: KeyProtection = { kind: 'none' };
const travel = new Secret('a passphrase for the way');

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'castellan-archive-'));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));
const at = (name: string) => join(scratch, name);

/** An authority with two keys; returns the digests of their public halves. */
async function makeAuthority(directory: string, protection: KeyProtection): Promise<readonly string[]> {
  return createAuthorityDirectory(directory, protection, async ({ keys, journal }) => {
    const made = [await keys.create('root-1', 'P-256'), await keys.create('audit', 'Ed25519')];
    await journal.write('{"of": "this authority"}\n');
    return made.map((key) => key.publicKey.spkiSha256);
  });
}

async function read(directory: string, protection: KeyProtection) {
  const { keys, journal } = await openAuthorityDirectory(directory, protection);
  const found = [await keys.open('root-1'), await keys.open('audit')];
  return { keys: found.map((key) => key?.publicKey.spkiSha256), journal: await journal.read() };
}

describe('an archive of an authority', () => {
  it.each([
    ['plain keys, which stay plain', plain, plain],
    ['plain keys, which come to lie sealed', plain, sealed('the new home')],
    ['sealed keys, which stay sealed as they were', sealed('the old home'), sealed('the old home')],
  ])('gives back %s', async (_, before, after) => {
    const made = await makeAuthority(at('old'), before);
    const archive = await packAuthority(at('old'), travel, cheap);
    expect(archive.keys).toEqual(['audit', 'root-1']);
    expect(archive.text).not.toMatch(/PRIVATE KEY|this authority/);
    await unpackAuthority(archive.text, travel, { directory: at('new'), protection: after });
    expect(await read(at('new'), after)).toEqual({ keys: made, journal: '{"of": "this authority"}\n' });
    const isPlain = readFileSync(at('new/root-1.key'), 'utf8').includes('PRIVATE KEY');
    expect(isPlain).toBe(after.kind === 'none');
  });

  it('opens with its passphrase only, whole only, and never over an authority that is there', async () => {
    await makeAuthority(at('old'), plain);
    const { text } = await packAuthority(at('old'), travel, cheap);
    const target = { directory: at('new'), protection: plain };
    const refusal = { code: 'ARCHIVE_CANNOT_OPEN' };
    await expect(unpackAuthority(text, new Secret('another passphrase'), target)).rejects.toMatchObject(
      refusal,
    );
    for (const damaged of [
      text.slice(0, -8),
      text.replace(/\n.{40}/, `\n${'A'.repeat(40)}`),
      '',
      'castellan',
    ])
      await expect(unpackAuthority(damaged, travel, target)).rejects.toMatchObject(refusal);
    expect(readdirSync(scratch)).toEqual(['old']);
    const there = { directory: at('old'), protection: plain };
    await expect(unpackAuthority(text, travel, there)).rejects.toMatchObject({ code: 'AUTHORITY_EXISTS' });
  });

  it('leaves nothing behind when its keys do not open under the passphrase of the settings', async () => {
    await makeAuthority(at('old'), sealed('the old home'));
    const { text } = await packAuthority(at('old'), travel, cheap);
    const other = { directory: at('new'), protection: sealed('another home') };
    await expect(unpackAuthority(text, travel, other)).rejects.toMatchObject({ code: 'KEY_CANNOT_UNLOCK' });
    const none = { directory: at('new'), protection: plain };
    await expect(unpackAuthority(text, travel, none)).rejects.toMatchObject({ code: 'PASSPHRASE_MISSING' });
    expect(readdirSync(scratch)).toEqual(['old']);
  });

  it('is not made with a passphrase that is no passphrase, or of nothing', async () => {
    await makeAuthority(at('old'), plain);
    const short = packAuthority(at('old'), new Secret('short'), cheap);
    await expect(short).rejects.toMatchObject({ code: 'PASSPHRASE_REFUSED' });
    await expect(packAuthority(at('nowhere'), travel, cheap)).rejects.toMatchObject({
      code: 'AUTHORITY_MISSING',
    });
  });

  it('is refused when a journal goes on changing under the reader', async () => {
    await makeAuthority(at('old'), plain);
    let writes = 0;
    const churn = setInterval(() => writeFileSync(at('old/journal.json'), `${writes++}`, { mode: 0o600 }), 0);
    try {
      const packed = await packAuthority(at('old'), travel, cheap).catch((error: unknown) => error);
      // Either it saw a change each time, or it read between two of them: never a mixture.
      if (packed instanceof Error) expect(packed).toMatchObject({ code: 'AUTHORITY_CHANGES' });
      else expect(packed).toMatchObject({ keys: ['audit', 'root-1'] });
    } finally {
      clearInterval(churn);
    }
  });
});
