import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeFiles } from './files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'castellan-files-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const file = { name: 'a.pem', content: 'a', mode: 0o600 };

it('files go into a directory that is made with its parents, and again into one that is there', () => {
  for (const content of ['a', 'b']) {
    writeFiles(join(scratch, 'x', 'y'), [{ ...file, content }]);
    expect(readFileSync(join(scratch, 'x', 'y', 'a.pem'), 'utf8')).toBe(content);
  }
});

it.skipIf(!existsSync('/proc'))(
  'a directory that cannot be made is an error that says so, and no wait',
  () => {
    expect(() => writeFiles('/proc/castellan/x', [file])).toThrow(/cannot write into `\/proc\/castellan\/x`/);
  },
);

it('a file in the way is an error', () => {
  writeFiles(scratch, [file]);
  expect(() => writeFiles(join(scratch, 'a.pem', 'x'), [file])).toThrow(/cannot write into/);
});
