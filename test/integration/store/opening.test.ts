import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptLoss, type StoreOptions, stateFiles } from '../../../src/adapters/store-sqlite/index.ts';
import { migrate, migrations, readVersion } from '../../../src/adapters/store-sqlite/schema.ts';
import { isCastellanError } from '../../../src/base/errors.ts';
import { FakeClock } from '../../fakes/clock.ts';
import {
  checkpointKeeper,
  eventually,
  openTestStore,
  recordMany,
  scratchDirectory,
  serialNumber,
  tamper,
} from '../../support/store.ts';
import { auditEvent } from '../../support/store-contract.ts';

const child = (name: string) => join(import.meta.dirname, 'children', name);

/** A closed store with `count` records. */
async function fill(directory: string, count: number): Promise<void> {
  await using store = await openTestStore(directory, { initialise: true });
  await recordMany(store, count);
}

/** A copy of the files of a store that is open: as a crash leaves them, the write-ahead log full. */
async function crashedCopy(from: string, to: string, count: number, options: Partial<StoreOptions> = {}) {
  await using store = await openTestStore(from, { initialise: true, ...options });
  await recordMany(store, count);
  const keeper = checkpointKeeper();
  await keeper.follow(store).stop();
  execFileSync('cp', ['-r', from, to]);
  return keeper;
}

describe('a missing database', () => {
  it('refuses the start unless it is to be made (adv:S06)', async () => {
    using scratch = scratchDirectory();
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({ code: 'STORE_MISSING' });
    await expect(openTestStore(join(scratch.path, 'none'))).rejects.toMatchObject({ code: 'STORE_MISSING' });
    expect(existsSync(stateFiles(scratch.path).database)).toBe(false);
    await using store = await openTestStore(join(scratch.path, 'new'), { initialise: true });
    expect((await store.audit.list()).map((entry) => entry.action)).toEqual(['store.initialise']);
    expect(statSync(join(scratch.path, 'new')).mode & 0o777).toBe(0o700);
    expect(statSync(stateFiles(join(scratch.path, 'new')).database).mode & 0o777).toBe(0o600);
  });

  it('is never made anew where one was before: its log or its checkpoints tell (adv:S06)', async () => {
    using scratch = scratchDirectory();
    const copy = join(scratch.path, 'copy');
    const keeper = await crashedCopy(join(scratch.path, 'live'), copy, 3);
    rmSync(stateFiles(copy).database);
    await expect(openTestStore(copy, { initialise: true })).rejects.toMatchObject({ code: 'STORE_MISSING' });
    const fresh = { initialise: true, checkpoints: keeper.checkpoints };
    await expect(openTestStore(join(scratch.path, 'x'), fresh)).rejects.toMatchObject({
      code: 'STORE_MISSING',
    });
  });

  it('is made whole after a crash in the middle of making it (adv:S06)', async () => {
    using scratch = scratchDirectory();
    writeFileSync(`${stateFiles(scratch.path).database}.new`, 'half');
    await using store = await openTestStore(scratch.path, { initialise: true });
    expect(store.health()).toEqual({ ready: true });
  });
});

describe('a state directory', () => {
  it('that others can write, or that is none, is refused by name', async () => {
    using scratch = scratchDirectory();
    chmodSync(scratch.path, 0o777);
    await expect(openTestStore(scratch.path, { initialise: true })).rejects.toMatchObject({
      code: 'STORE_UNSUITABLE',
      message: expect.stringContaining('mode 777'),
    });
    chmodSync(scratch.path, 0o700);
    writeFileSync(join(scratch.path, 'file'), '');
    await expect(openTestStore(join(scratch.path, 'file'))).rejects.toMatchObject({
      code: 'STORE_UNSUITABLE',
    });
  });
});

describe('a second server on one state directory (adv:S07)', () => {
  it('is refused in the same process', async () => {
    using scratch = scratchDirectory();
    await using _first = await openTestStore(scratch.path, { initialise: true });
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });

  it('is refused with the holder named, and let in when the holder was killed', async () => {
    using scratch = scratchDirectory();
    const holder = spawn(process.execPath, [child('hold.ts'), scratch.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`process ${holder.pid}`),
    });
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;
    await using store = await openTestStore(scratch.path);
    expect(store.audit.head().sequence).toBeGreaterThan(0);
  });
});

describe('damaged files (adv:S05)', () => {
  it('a shortened or flipped write-ahead log recovers to a commit, and is refused when a checkpoint saw more', async () => {
    using scratch = scratchDirectory();
    const source = join(scratch.path, 'crashed');
    const keeper = await crashedCopy(join(scratch.path, 'live'), source, 60, { limits: { maxBatch: 6 } });
    const { size } = statSync(stateFiles(source).wal);
    expect(size).toBeGreaterThan(100_000);
    const damages: ReadonlyArray<[string, (wal: string) => void]> = [
      ['half', (wal) => truncateSync(wal, size >> 1)],
      ['flip', (wal) => overwrite(wal, size >> 1, Buffer.from([0x5a, 0x5a, 0x5a, 0x5a]))],
      ['gone', (wal) => rmSync(wal)],
    ];
    for (const [name, damage] of damages) {
      const copy = join(scratch.path, name);
      execFileSync('cp', ['-r', source, copy]);
      damage(stateFiles(copy).wal);
      const strict = openTestStore(copy, { checkpoints: keeper.checkpoints });
      await expect(strict).rejects.toMatchObject({ code: 'STORE_ROLLED_BACK' });
      await using store = await openTestStore(copy);
      const count = await store.issuances.count();
      expect(count).toBeLessThan(60);
      expect(await store.audit.verify()).toMatchObject({ ok: true, entries: count + 1 });
    }
  });

  it('a lost shared-memory file loses nothing', async () => {
    using scratch = scratchDirectory();
    const copy = join(scratch.path, 'copy');
    const keeper = await crashedCopy(join(scratch.path, 'live'), copy, 40);
    rmSync(`${stateFiles(copy).database}-shm`);
    await using store = await openTestStore(copy, { checkpoints: keeper.checkpoints });
    expect([await store.issuances.count(), (await store.audit.verify()).ok]).toEqual([40, true]);
  });

  it('an empty, foreign, headless or torn database is refused, never filled anew', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 40);
    const { database } = stateFiles(scratch.path);
    const sound = `${database}.sound`;
    copyFileSync(database, sound);
    const damages: ReadonlyArray<() => void> = [
      () => truncateSync(database, 0),
      () => overwrite(database, 0, Buffer.alloc(4096)),
      () => truncateSync(database, 8192),
      () => overwrite(database, 2 * 4096, Buffer.alloc(4096, 0xa5)),
      () => {
        rmSync(database);
        new DatabaseSync(database).exec('CREATE TABLE other (a)');
      },
    ];
    for (const damage of damages) {
      copyFileSync(sound, database);
      damage();
      const left = readFileSync(database);
      for (const initialise of [false, true])
        await expect(openTestStore(scratch.path, { initialise })).rejects.toMatchObject({
          code: 'STORE_DAMAGED',
        });
      expect(readFileSync(database).equals(left)).toBe(true);
    }
    copyFileSync(sound, database);
    await using store = await openTestStore(scratch.path);
    expect(await store.issuances.count()).toBe(40);
  });

  it('a schema that reads otherwise than it was made is damage, though every page is sound', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 3);
    const { database } = stateFiles(scratch.path);
    const bytes = readFileSync(database);
    // Freed pages may hold the text too: every copy is altered.
    let at = bytes.indexOf('csr_sha256 BLOB');
    expect(at).toBeGreaterThan(0);
    for (; at !== -1; at = bytes.indexOf('csr_sha256 BLOB', at)) bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(database, bytes);
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('any flipped bytes end in a clear refusal or in a store with all its records', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 30);
    const { database } = stateFiles(scratch.path);
    const sound = readFileSync(database);
    const flip = fc.record({ at: fc.nat(sound.length - 1), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 4 }), async (flips) => {
        const bytes = Buffer.from(sound);
        for (const { at, bit } of flips) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        writeFileSync(database, bytes);
        const outcome = await openTestStore(scratch.path).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(isCastellanError(outcome) && outcome.code).toMatch(/^STORE_(DAMAGED|NEWER)$/);
          return;
        }
        await using store = outcome as Awaited<ReturnType<typeof openTestStore>>;
        const last = await store.issuances.list({ limit: 1 }).catch((error: unknown) => error);
        if (isCastellanError(last)) expect(last.code).toBe('STORE_UNAVAILABLE');
        else expect(store.audit.head().sequence).toBe(31);
      }),
      { numRuns: 60 },
    );
  });

  it('a database too long to be read before the start is read behind it, and condemned when it is torn', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 200);
    const limits = { fullCheckBytes: 1000, checkBehindAfterMs: 0 };
    {
      await using store = await openTestStore(scratch.path, { limits });
      await recordMany(store, 5, 1000);
      expect(store.health()).toEqual({ ready: true });
    }
    const { database } = stateFiles(scratch.path);
    const pages = statSync(database).size / 4096;
    const page = rootPageOf(database, 'issuance_by_end');
    expect(page).toBeLessThan(pages);
    overwrite(database, (page - 1) * 4096 + 200, Buffer.alloc(3000, 0xa5));
    await using store = await openTestStore(scratch.path, { limits });
    await eventually(() => expect(store.health()).toMatchObject({ ready: false, reason: 'damaged' }));
    await expect(recordMany(store, 1, 2000)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await store.issuances.findBySerial(serialNumber(3))).toBeDefined();
  });

  it('a damaged audit tail is named at the start', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 20);
    tamper(
      scratch.path,
      "DROP TRIGGER audit_is_not_edited; UPDATE audit SET body = replace(body, 'alice', 'alicf') WHERE sequence = 15",
    );
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      details: { sequence: 15, fault: 'altered' },
    });
  });

  it('an accepted loss is a new epoch: tokens void, said in the audit log, checkpoints of the lost part put aside', async () => {
    using scratch = scratchDirectory();
    const copy = join(scratch.path, 'copy');
    const keeper = await crashedCopy(join(scratch.path, 'live'), copy, 30, { limits: { maxBatch: 5 } });
    truncateSync(stateFiles(copy).wal, statSync(stateFiles(copy).wal).size >> 1);
    const { checkpoints } = keeper;
    await expect(openTestStore(copy, { checkpoints })).rejects.toMatchObject({ code: 'STORE_ROLLED_BACK' });
    const options = { stateDirectory: copy, clock: new FakeClock(), audit: auditEvent(), checkpoints };
    const outcome = await acceptLoss(options);
    expect(outcome).toMatchObject({ epoch: 1 });
    expect(outcome.lostEntries).toBeGreaterThan(0);
    await using store = await openTestStore(copy, { checkpoints });
    expect((await store.audit.list({ limit: 1 }))[0]).toMatchObject({
      action: 'store.accept-loss',
      epoch: 1,
    });
    expect(await store.audit.verify(checkpoints)).toMatchObject({ ok: true });
  });
});

describe('the schema (adv:S22)', () => {
  it('of a newer castellan is refused', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 1);
    tamper(scratch.path, 'PRAGMA user_version = 99');
    await expect(openTestStore(scratch.path)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringContaining('schema 99'),
    });
  });

  it('moves forward in whole steps: one that fails leaves the step before it', () => {
    const db = new DatabaseSync(':memory:');
    const next = [...migrations, 'CREATE TABLE later (a); INSERT INTO nowhere VALUES (1)'];
    expect(() => migrate(db, next)).toThrow('nowhere');
    expect(readVersion(db)).toBe(migrations.length);
    expect(db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'later'").get()?.['n']).toBe(0);
    expect(migrate(db, [...migrations, 'CREATE TABLE later (a)'])).toBe(1);
  });

  it('is as it was when the process is killed in the middle of a step', async () => {
    using scratch = scratchDirectory();
    await fill(scratch.path, 5);
    const { database } = stateFiles(scratch.path);
    const migration = spawn(process.execPath, [child('migrate.ts'), database], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(migration.stdout, 'data');
    const gone = once(migration, 'exit');
    migration.kill('SIGKILL');
    await gone;
    await using store = await openTestStore(scratch.path);
    expect(await store.issuances.count()).toBe(5);
    expect(await store.maintenance.check()).toEqual([]);
    expect(await store.issuances.findBySerial(serialNumber(4))).toBeDefined();
  });
});

describe('the lock file', () => {
  it('that cannot be one is refused, not worked around', async () => {
    using scratch = scratchDirectory();
    mkdirSync(join(scratch.path, 'elsewhere'));
    symlinkSync(join(scratch.path, 'elsewhere'), stateFiles(scratch.path).lock);
    await expect(openTestStore(scratch.path, { initialise: true })).rejects.toMatchObject({
      code: 'STORE_UNSUITABLE',
    });
  });
});

function rootPageOf(database: string, name: string): number {
  const db = new DatabaseSync(database);
  const row = db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(name);
  db.close();
  return Number(row?.['rootpage']);
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}
