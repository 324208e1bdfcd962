import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openStore, type SqliteStore } from '../../../src/adapters/store-sqlite/index.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemRandom } from '../../../src/adapters/system/random.ts';
import { scratchDirectory } from '../../support/store.ts';
import { auditEvent, issuanceRecord } from '../../support/store-records.ts';
import { readTrace, type SystemCall, sayIfStraceIsMissing, straceMissing } from '../../support/strace.ts';

const child = join(import.meta.dirname, 'children', 'write.ts');
const rounds = Number(process.env['CASTELLAN_KILL_ROUNDS'] ?? 10);

sayIfStraceIsMissing('killing and failing the store at its syncs, and the proof that the sync comes first');

/** Every acknowledged serial is on file with its bytes, no page is damaged, and the chain holds. */
async function expectSound(stateDirectory: string, acknowledged: readonly string[]): Promise<number> {
  await using store = await openStore({
    stateDirectory,
    clock: systemClock,
    random: systemRandom,
    initialise: true,
  });
  const lost: string[] = [];
  for (const serial of acknowledged) {
    const record = await store.issuances.findBySerial(serial);
    if (record === undefined || Buffer.from(record.der).toString('hex') !== serial.repeat(30))
      lost.push(serial);
  }
  expect(lost).toEqual([]);
  expect(await store.maintenance.check()).toEqual([]);
  const report = await store.audit.verify();
  const count = await store.issuances.count();
  expect(report).toMatchObject({ ok: true, entries: count + 1 });
  return count;
}

function serialsIn(output: string): readonly string[] {
  return [...output.matchAll(/^ok ([0-9a-f]{40})$/gm)].map((match) => match[1] ?? '');
}

describe('kill -9 at random moments under load', () => {
  it(`loses nothing that was acknowledged, ${rounds} times on one database (adv:S01)`, {
    timeout: 60_000 + rounds * 20_000,
  }, async () => {
    using scratch = scratchDirectory();
    const acknowledged: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const process_ = spawn(process.execPath, [child, scratch.path, '32', '1000000'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      process_.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const closed = new Promise((resolve) => process_.once('close', resolve));
      // One round in four is killed at any moment from its birth, the others in the middle of their writing.
      if (round % 4 !== 3) while (!output.includes('ok')) await sleep(2);
      await sleep(randomInt(round % 4 === 3 ? 1200 : 400));
      process_.kill('SIGKILL');
      await closed;
      acknowledged.push(...serialsIn(output));
      const count = await expectSound(scratch.path, acknowledged);
      expect(count).toBeGreaterThanOrEqual(acknowledged.length);
    }
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    expect(acknowledged.length).toBeGreaterThan(100);
  });
});

describe('a crash between commit and reply', () => {
  it('leaves the certificate on file, and a retry by key gets that one (adv:S02)', async () => {
    using scratch = scratchDirectory();
    const [live, crashed] = [join(scratch.path, 'live'), join(scratch.path, 'crashed')];
    const idempotency = { keyHash: '11'.repeat(32), callerSubject: 'cart', csrSha256: 'aa'.repeat(32) };
    const record = async (store: SqliteStore, serial: string) => {
      const kept = {
        ...idempotency,
        expiresAt: systemClock.now() + 300_000,
        chainPem: [`chain of ${serial}`],
      };
      return store.issuances.recordIssuance(issuanceRecord(serial), auditEvent(), kept);
    };
    const [first, second] = ['01'.repeat(20), '02'.repeat(20)];
    {
      await using store = await openStore({
        stateDirectory: live,
        clock: systemClock,
        random: systemRandom,
        initialise: true,
      });
      await record(store, first);
      // The files as they are at this moment, with the reply not yet sent: what a killed process leaves behind.
      execFileSync('cp', ['-r', live, crashed]);
    }
    await using store = await openStore({
      stateDirectory: crashed,
      clock: systemClock,
      random: systemRandom,
    });
    expect(await record(store, second)).toEqual({ replayed: true, chainPem: [`chain of ${first}`] });
    expect([await store.issuances.count(), await store.issuances.findBySerial(second)]).toEqual([
      1,
      undefined,
    ]);
  });
});

function trace(options: readonly string[], stateDirectory: string, work: readonly [string, string]) {
  const args = ['-f', '-qq', ...options, process.execPath, child, stateDirectory, ...work];
  return spawnSync('strace', args, { encoding: 'utf8', timeout: 110_000 });
}

describe('killed exactly at its Nth sync', () => {
  it.skipIf(straceMissing !== undefined).each([1, 2, 3, 4, 5, 7, 10, 14, 20, 33, 60])(
    'N = %i: what was acknowledged is on file (adv:S01)',
    async (n) => {
      using scratch = scratchDirectory();
      const inject = `inject=fsync,fdatasync:signal=SIGKILL:when=${n}`;
      const options = ['-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject];
      const first = trace(options, scratch.path, ['4', '400']);
      expect(first.stdout).not.toContain('done');
      const count = await expectSound(scratch.path, serialsIn(first.stdout));
      const second = spawnSync(process.execPath, [child, scratch.path, '4', '8'], { encoding: 'utf8' });
      expect(second.stdout).toContain('done');
      await expectSound(scratch.path, [...serialsIn(first.stdout), ...serialsIn(second.stdout)]);
      expect(count).toBeGreaterThanOrEqual(serialsIn(first.stdout).length);
    },
  );
});

describe('a disk that fails', () => {
  it.skipIf(straceMissing !== undefined).each([
    ['the 6th sync', 'fsync,fdatasync', '6'],
    ['the 15th sync', 'fsync,fdatasync', '15'],
    ['the sync of a checkpoint of the log', 'fsync,fdatasync', '51..52'],
    ['five syncs in a row', 'fsync,fdatasync', '8..12'],
    ['the 40th write', 'pwrite64', '40'],
    ['writes for a while', 'pwrite64', '60..72'],
  ])(
    'at %s: the call gets UNAVAILABLE, the process goes on, and writes again after reopening (adv:S03)',
    async (_, calls, when) => {
      using scratch = scratchDirectory();
      // Made whole beforehand: the faults are to hit the writer thread at work.
      spawnSync(process.execPath, [child, scratch.path, '1', '1']);
      const inject = `inject=${calls}:error=EIO:when=${when}`;
      const options = ['-o', '/dev/null', '-e', `trace=${calls}`, '-e', inject];
      const run = trace(options, scratch.path, ['1', '120']);
      expect(run.stdout).toMatch(/^done [1-9]/m);
      const refusals = [...run.stdout.matchAll(/^no (.*)$/gm)].map((match) => match[1]);
      expect(new Set(refusals)).toEqual(new Set(refusals.length > 0 ? ['STORE_UNAVAILABLE'] : []));
      expect(serialsIn(run.stdout)).toHaveLength(120);
      await expectSound(scratch.path, serialsIn(run.stdout));
    },
  );
});

/** Serials whose acknowledgement was written while the log had pages that no sync had covered yet. */
function acknowledgedTooEarly(calls: readonly SystemCall[]): { early: string[]; seen: number } {
  const early: string[] = [];
  let [unsynced, syncedSince, seen] = [0, false, 0];
  for (const call of calls) {
    const toLog = call.text.includes('castellan.db-wal');
    if (call.name === 'pwrite64' && toLog) unsynced++;
    else if (/^f(data)?sync$/.test(call.name) && toLog && call.result === '0')
      [unsynced, syncedSince] = [0, true];
    const serial = call.name === 'write' ? /"ok ([0-9a-f]{40})/.exec(call.text)?.[1] : undefined;
    if (serial === undefined) continue;
    seen++;
    if (unsynced > 0 || !syncedSince) early.push(serial);
    syncedSince = false;
  }
  return { early, seen };
}

describe('the order of sync and acknowledgement (D7)', () => {
  it.skipIf(straceMissing !== undefined)(
    'is: log written, log synced, then the caller told, as the kernel saw it',
    () => {
      using scratch = scratchDirectory();
      const log = join(scratch.path, 'trace');
      const options = ['-y', '-s', '64', '-o', log, '-e', 'trace=pwrite64,fsync,fdatasync,write'];
      const run = trace(options, join(scratch.path, 'state'), ['1', '40']);
      expect(run.stdout).toContain('done');
      expect(acknowledgedTooEarly(readTrace(readFileSync(log, 'utf8')))).toEqual({ early: [], seen: 40 });
    },
  );

  it('would be found wrong: told before the sync, told without one', () => {
    const serial = 'ab'.repeat(20);
    const write = `7 pwrite64(20</x/castellan.db-wal>, ""..., 4096, 56) = 4096`;
    const sync = '7 fdatasync(20</x/castellan.db-wal>) = 0';
    const tell = `6 write(1<pipe:[1]>, "ok ${serial}\\n", 44) = 44`;
    const verdict = (...lines: string[]) => acknowledgedTooEarly(readTrace(lines.join('\n'))).early.length;
    expect(verdict(write, sync, tell)).toBe(0);
    expect(verdict(write, tell, sync)).toBe(1);
    expect(verdict(write, tell)).toBe(1);
    expect(verdict(write, sync, tell, tell)).toBe(1);
    const [begin, end] = [
      '7 fdatasync(20</x/castellan.db-wal> <unfinished ...>',
      '7 <... fdatasync resumed>) = 0',
    ];
    expect([verdict(write, begin, end, tell), verdict(write, begin, tell, end)]).toEqual([0, 1]);
  });
});
