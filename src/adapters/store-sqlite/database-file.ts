import { closeSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../base/clock.ts';
import { type Random, ulid } from '../../base/random.ts';
import { type AuditRow, genesisHash, verifyAudit } from '../../operations/audit/index.ts';
import type { AuditEvent } from '../../operations/ports/index.ts';
import { storeErrors } from '../../operations/ports/index.ts';
import { asAuditRow } from './audit.ts';
import { connect, resultCode, sqliteCode } from './connection.ts';
import { Ledger } from './ledger.ts';
import { bytesOf, hexOf } from './rows.ts';
import { applicationId, migrate, readVersion, schemaVersion } from './schema.ts';
import { sizeOf } from './state-directory.ts';
import { prepareStatements } from './statements.ts';
import { reserveFile, syncDirectoryOf, syncPath } from './sync-files.ts';

export interface Stamping {
  readonly clock: Clock;
  readonly random: Random;
}

/** Made whole under another name and then renamed: there is never a database without its schema and first entry. */
export function createDatabase(file: string, stamping: Stamping, serialPrefix: number | undefined): void {
  const draft = `${file}.new`;
  for (const leftover of [draft, `${draft}-wal`, `${draft}-shm`]) rmSync(leftover, { force: true });
  reserveFile(draft);
  const db = connect(draft);
  try {
    migrate(db);
    const { clock, random } = stamping;
    const prefix = serialPrefix ?? ((random.bytes(1)[0] ?? 0) % 127) + 1;
    const instance = ulid(clock.now(), random);
    db.prepare(
      `INSERT INTO meta (id, instance_id, serial_prefix, created_at, audit_hash, audit_base_hash)
       VALUES (1, ?, ?, ?, ?, ?)`,
    ).run(instance, prefix, clock.now(), bytesOf(genesisHash), bytesOf(genesisHash));
    const detail = { serialPrefix: prefix, schema: schemaVersion };
    appendDirectly(db, clock, () => ({ ...ownEvent('store.initialise', instance), detail }));
  } finally {
    db.close();
  }
  syncPath(draft);
  renameSync(draft, file);
  syncDirectoryOf(file);
}

/** An entry about the store itself, by the store itself. */
export function ownEvent(action: AuditEvent['action'], object: string): AuditEvent {
  return {
    actor: 'castellan',
    actorMethod: 'local',
    action,
    object,
    result: 'success',
    requestId: '',
    detail: {},
  };
}

/** One transaction on a database that no writer thread has open: `change` runs, and its event joins the chain. */
export function appendDirectly(db: DatabaseSync, clock: Clock, change: (ledger: Ledger) => AuditEvent): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const ledger = new Ledger(prepareStatements(db));
    const event = change(ledger);
    const fresh = new Ledger(prepareStatements(db));
    fresh.begin({
      write: { kind: 'append', audit: event },
      at: clock.now(),
      bootTime: Math.round(clock.bootTime()),
    });
    fresh.append(event);
    fresh.save();
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

const magic = 'SQLite format 3\0';

/** Looks at the header alone, before SQLite may touch the file: an empty or foreign one is not ours to fill (S05). */
export function checkHeader(file: string): void {
  const header = Buffer.alloc(100);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, header, 0, 100, 0);
  } finally {
    closeSync(fd);
  }
  const damaged = (why: string) => storeErrors.STORE_DAMAGED({ message: `the database \`${file}\` ${why}` });
  if (sizeOf(file) === 0) throw damaged('is empty');
  if (header.toString('latin1', 0, 16) !== magic)
    throw damaged('is not a database, or its first page is damaged');
  if (header.readUInt32BE(68) !== applicationId) throw damaged('was not made by castellan');
}

export interface DatabaseCheck {
  readonly clock: Clock;
  /** Above this size the whole file is not read at every start. */
  readonly fullCheckBytes: number;
}

/** Recovers to the last commit, refuses what cannot be trusted, and brings the schema up to date. */
export function prepareDatabase(file: string, check: DatabaseCheck): void {
  checkHeader(file);
  try {
    const db = connect(file);
    try {
      const version = readVersion(db);
      if (version > schemaVersion)
        throw storeErrors.STORE_NEWER({
          message: `the database has schema ${version} and this castellan knows ${schemaVersion}`,
        });
      if (version < 1) throw storeErrors.STORE_DAMAGED({ message: 'the database has no schema' });
      if (sizeOf(file) <= check.fullCheckBytes) refuseUnlessSound(db);
      if (migrate(db) > 0)
        appendDirectly(db, check.clock, () => ownEvent('store.migrate', `${version} to ${schemaVersion}`));
      refuseForeignSchema(db);
    } finally {
      db.close();
    }
  } catch (cause) {
    const code = sqliteCode(cause);
    if (code === resultCode.corrupt || code === resultCode.notADatabase || code === 1)
      throw storeErrors.STORE_DAMAGED({
        message: `the database \`${file}\` is damaged: ${String(cause)}`,
        cause,
      });
    throw cause;
  }
}

function refuseUnlessSound(db: DatabaseSync): void {
  const first = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (first !== 'ok')
    throw storeErrors.STORE_DAMAGED({ message: `the database is damaged: ${String(first)}` });
}

/** A schema that reads otherwise than the one this version makes was damaged: SQLite itself checks no such text. */
function refuseForeignSchema(db: DatabaseSync): void {
  const expected = new DatabaseSync(':memory:');
  try {
    migrate(expected);
    const query = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name';
    const rowsOf = (one: DatabaseSync) => one.prepare(query).all();
    const isTrigger = (row: Record<string, unknown>) => row['type'] === 'trigger';
    const known = new Set(rowsOf(expected).map((row) => JSON.stringify(row)));
    const found = rowsOf(db);
    // A trigger that is gone is a matter for the audit check, which names the entry that was edited meanwhile.
    const count = (rows: readonly Record<string, unknown>[]) => rows.filter((row) => !isTrigger(row)).length;
    if (count(found) !== count(rowsOf(expected)) || found.some((row) => !known.has(JSON.stringify(row))))
      throw storeErrors.STORE_DAMAGED({
        message: 'the database is damaged: its schema is not what was made',
      });
  } finally {
    expected.close();
  }
}

/** The newest entries must be linked, and end where `meta` says: cheap enough for every start. */
export async function checkAuditTail(file: string, entries: number): Promise<void> {
  const db = connect(file, { readOnly: true });
  let rows: readonly AuditRow[];
  let recorded: AuditRow;
  try {
    const meta = db.prepare('SELECT audit_sequence AS sequence, audit_hash AS hash FROM meta').get() ?? {};
    recorded = { sequence: Number(meta['sequence']), body: '', hash: hexOf(meta['hash']) };
    rows = db
      .prepare('SELECT * FROM audit ORDER BY sequence DESC LIMIT ?')
      .all(entries + 1)
      .map(asAuditRow)
      .reverse();
  } finally {
    db.close();
  }
  const first = rows[0];
  const whole = first?.sequence === 1;
  const tail = whole ? rows : rows.slice(1);
  const base = whole || first === undefined ? undefined : { sequence: first.sequence, hash: first.hash };
  const report = await verifyAudit(tail, { base, recordedHead: recorded });
  if (report.firstBad !== undefined)
    throw storeErrors.STORE_DAMAGED({
      message: `the audit log is damaged: entry ${report.firstBad.sequence} is ${report.firstBad.fault}, ${report.firstBad.detail}`,
      details: { sequence: report.firstBad.sequence, fault: report.firstBad.fault },
    });
}
