import { chmodSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPassphrase } from './passphrase.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'castellan-passphrase-'));
  path = join(directory, 'passphrase');
  writeFileSync(path, 'correct horse\n', { mode: 0o400 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the passphrase', () => {
  it('comes from a file that only we can read, without its line end (adv:S18)', async () => {
    const { passphrase, warnings } = await readPassphrase({ kind: 'file', path }, {});
    expect([passphrase.reveal(), warnings]).toEqual(['correct horse', []]);
  });

  it('does not come from a file that others can read (adv:S18)', async () => {
    chmodSync(path, 0o644);
    await expect(readPassphrase({ kind: 'file', path }, {})).rejects.toMatchObject({
      code: 'KEY_FILE_INSECURE',
      message: expect.stringContaining('has mode 0644') as string,
    });
  });

  it('may be behind the symlink of a mounted secret', async () => {
    const mounted = join(directory, 'mounted');
    symlinkSync('passphrase', mounted);
    const { passphrase } = await readPassphrase({ kind: 'file', path: mounted }, {});
    expect(passphrase.reveal()).toBe('correct horse');
  });

  it('comes from a file descriptor, which is closed after it (adv:S18)', async () => {
    const fd = openSync(path, 'r');
    const { passphrase, warnings } = await readPassphrase({ kind: 'descriptor', fd }, {});
    expect([passphrase.reveal(), warnings]).toEqual(['correct horse', []]);
    await expect(readPassphrase({ kind: 'descriptor', fd }, {})).rejects.toMatchObject({
      code: 'PASSPHRASE_MISSING',
    });
  });

  it('comes from the environment with a warning that it can be seen there (adv:S18)', async () => {
    const source = { kind: 'environment', variable: 'CASTELLAN_PASSPHRASE' } as const;
    const { passphrase, warnings } = await readPassphrase(source, { CASTELLAN_PASSPHRASE: 'correct horse' });
    expect(passphrase.reveal()).toBe('correct horse');
    expect(warnings.join()).toContain('/proc');
    await expect(readPassphrase(source, {})).rejects.toMatchObject({ code: 'PASSPHRASE_MISSING' });
  });

  it('is missed by name where there is no file', async () => {
    await expect(readPassphrase({ kind: 'file', path: `${path}-2` }, {})).rejects.toMatchObject({
      code: 'PASSPHRASE_MISSING',
    });
  });

  it('is never printed', async () => {
    const reading = await readPassphrase({ kind: 'file', path }, {});
    expect(JSON.stringify(reading)).not.toContain('horse');
  });
});
