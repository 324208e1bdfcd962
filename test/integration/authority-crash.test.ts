import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthorityDirectory, openAuthorityDirectory } from '../../src/adapters/key-store/index.ts';
import { initialiseAuthority, openAuthority } from '../../src/authority/index.ts';
import { FakeClock } from '../fakes/clock.ts';
import { fakePorts, issueCart, selfManaged, validateIssuance } from '../support/authority.ts';

const script = join(dirname(fileURLToPath(import.meta.url)), '..', 'support', 'renew-and-exit.ts');
const hasStrace = spawnSync('strace', ['-V']).status === 0;
const afterThreeWeeks = '2026-03-22T12:00:00Z';

let scratch: string;
let pristine: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'castellan-crash-'));
  pristine = join(scratch, 'pristine');
  await createAuthorityDirectory(pristine, { kind: 'none' }, (files) =>
    initialiseAuthority({ ...fakePorts(), ...files }, selfManaged),
  );
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Renews in a process of its own that is killed at the nth call of one syscall; true when it was killed. */
function renewAndKill(directory: string, syscall: string, nth: number): boolean {
  const inject = [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${syscall}`,
    '-e',
    `inject=${syscall}:signal=SIGKILL:when=${nth}`,
  ];
  const run = spawnSync('strace', [...inject, process.execPath, script, directory], {
    encoding: 'utf8',
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  if (run.signal === null && run.status === 0) return false;
  expect([run.signal, run.stderr]).toEqual(['SIGKILL', '']);
  return true;
}

describe.runIf(hasStrace)('a renewal on real files', () => {
  it.each(['fsync', 'rename', 'link', 'unlink'])(
    'that is killed at any %s leaves an authority that opens, signs and has no orphans (adv:S19)',
    async (syscall) => {
      let kills = 0;
      for (let nth = 1; ; nth++) {
        const directory = join(scratch, `${syscall}-${nth}`);
        cpSync(pristine, directory, { recursive: true });
        if (!renewAndKill(directory, syscall, nth)) break;
        kills++;
        const files = await openAuthorityDirectory(directory, { kind: 'none' });
        const ports = { ...fakePorts(`after ${syscall} ${nth}`, new FakeClock(afterThreeWeeks)), ...files };
        await using authority = await openAuthority(ports, selfManaged);
        const issuance = await issueCart(authority);
        expect(validateIssuance(issuance, authority, Date.parse(afterThreeWeeks)).ok).toBe(true);
        const journal = JSON.parse(readFileSync(join(directory, 'journal.json'), 'utf8')) as {
          slots: { name: string }[];
        };
        const expected = ['audit.key', 'journal.json', ...journal.slots.map(({ name }) => `${name}.key`)];
        expect(readdirSync(directory).sort()).toEqual(expected.sort());
        expect(authority.status().alarms).toEqual([]);
      }
      expect(kills).toBeGreaterThan(0);
    },
  );
});
