import { chmodSync, constants, copyFileSync, renameSync, rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../base/clock.ts';
import { parseCheckpoint, readEntry } from '../../operations/audit/index.ts';
import type { AuditCheckpoints, AuditEvent } from '../../operations/ports/index.ts';
import { storeErrors } from '../../operations/ports/index.ts';
import { asAuditRow, verifyStoredAudit } from './audit.ts';
import { connect } from './connection.ts';
import { appendDirectly, checkHeader, prepareDatabase } from './database-file.ts';
import { lockDirectory } from './lock.ts';
import { Reader } from './reader.ts';
import { exists, prepareDirectory, stateFiles } from './state-directory.ts';
import { syncDirectoryOf, syncPath } from './sync-files.ts';

export interface RestoreOptions {
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** Who restores, and the request; the action and object are the store's to fill in. */
  readonly audit: AuditEvent;
  /** Lines kept outside the database: the backup must agree with those of its time. */
  readonly checkpoints?: AuditCheckpoints;
}

/** What changed after the backup and is known to be gone: the operator does it again. */
export interface RestoreOutcome {
  readonly instanceId: string;
  readonly epoch: number;
  /** Wall time, ms: everything after it is lost. */
  readonly backupAt: number;
  /** Audit entries that a checkpoint saw and the backup lacks; 0 when no checkpoint tells. */
  readonly lostEntries: number;
  readonly voidedJoinTokens: readonly { readonly spiffeId: string; readonly expiresAt: number }[];
  /** One sentence each. */
  readonly mustRepeat: readonly string[];
}

/** Brings a backup into a state directory without a database, as a new serial epoch (S21). */
export async function restoreBackup(backupFile: string, options: RestoreOptions): Promise<RestoreOutcome> {
  // Before anything is made: a slip of the pen leaves an empty state directory empty.
  if (!exists(backupFile))
    throw storeErrors.BACKUP_MISSING({ message: `there is no backup \`${backupFile}\`` });
  prepareDirectory(options.stateDirectory, { create: true });
  const files = stateFiles(options.stateDirectory);
  using _lock = lockDirectory(files);
  if (exists(files.database) || exists(files.wal))
    throw storeErrors.STORE_EXISTS({ message: `there is a database \`${files.database}\`` });
  const draft = `${files.database}.restoring`;
  for (const leftover of [draft, `${draft}-wal`, `${draft}-shm`]) rmSync(leftover, { force: true });
  try {
    copyFileSync(backupFile, draft, constants.COPYFILE_EXCL);
    chmodSync(draft, 0o600);
    const outcome = await renew(draft, 'store.restore', options);
    syncPath(draft);
    renameSync(draft, files.database);
    syncDirectoryOf(files.database);
    return outcome;
  } finally {
    for (const leftover of [draft, `${draft}-wal`, `${draft}-shm`]) rmSync(leftover, { force: true });
  }
}

/**
 * Goes on with a database that is older than its last checkpoint (STORE_ROLLED_BACK): it is treated as a backup of
 * the moment of its last entry.
 */
export async function acceptLoss(options: RestoreOptions): Promise<RestoreOutcome> {
  prepareDirectory(options.stateDirectory, { create: false });
  const files = stateFiles(options.stateDirectory);
  using _lock = lockDirectory(files);
  if (!exists(files.database)) throw storeErrors.STORE_MISSING();
  return await renew(files.database, 'store.accept-loss', options);
}

async function renew(
  file: string,
  action: 'store.restore' | 'store.accept-loss',
  options: RestoreOptions,
): Promise<RestoreOutcome> {
  const { clock, checkpoints, audit } = options;
  checkHeader(file);
  prepareDatabase(file, { clock, fullCheckBytes: Number.POSITIVE_INFINITY });
  const entries = await verifyWhole(file, checkpoints);
  const db = connect(file, { journal: action === 'store.restore' ? 'delete' : 'wal' });
  try {
    const backupAt = readBackupInstant(db, action);
    const tokens = db.prepare('SELECT spiffe_id, expires_at FROM join_token').all();
    const seen = highestCheckpoint(checkpoints);
    const lostEntries = Math.max(0, seen - entries);
    appendDirectly(db, clock, (ledger) => {
      db.prepare('UPDATE meta SET epoch = epoch + 1, restored_backup_at = ?, backup_taken_at = NULL').run(
        backupAt,
      );
      db.exec('DELETE FROM join_token; DELETE FROM idempotency');
      const detail = { ...audit.detail, backupAt, lostEntries, voidedJoinTokens: tokens.length };
      return { ...audit, action, object: ledger.instance, detail };
    });
    const meta = db.prepare('SELECT instance_id, epoch FROM meta').get() ?? {};
    return {
      instanceId: String(meta['instance_id']),
      epoch: Number(meta['epoch']),
      backupAt,
      lostEntries,
      voidedJoinTokens: tokens.map((row) => ({
        spiffeId: String(row['spiffe_id']),
        expiresAt: Number(row['expires_at']),
      })),
      mustRepeat: mustRepeat(backupAt, tokens.length),
    };
  } finally {
    db.close();
  }
}

/** Returns how many entries the chain has; throws STORE_DAMAGED when it does not hold. */
async function verifyWhole(file: string, checkpoints: AuditCheckpoints | undefined): Promise<number> {
  const reader = new Reader(file);
  try {
    const last = Number(reader.get('SELECT audit_sequence FROM meta')?.['audit_sequence'] ?? 0);
    const lines = checkpoints?.lines.filter(
      (line) => (parseCheckpoint(line, checkpoints.verifier)?.sequence ?? 0) <= last,
    );
    const report = await verifyStoredAudit(reader, checkpoints && { ...checkpoints, lines: lines ?? [] });
    if (report.firstBad === undefined) return report.head.sequence;
    const { sequence, fault, detail } = report.firstBad;
    throw storeErrors.STORE_DAMAGED({
      message: `the audit log does not hold: entry ${sequence} is ${fault}, ${detail}`,
      details: { sequence, fault },
    });
  } finally {
    reader.close();
  }
}

function readBackupInstant(db: DatabaseSync, action: 'store.restore' | 'store.accept-loss'): number {
  const taken = db.prepare('SELECT backup_taken_at FROM meta').get()?.['backup_taken_at'];
  if (action === 'store.restore' && typeof taken === 'number') return taken;
  const last = db.prepare('SELECT * FROM audit ORDER BY sequence DESC LIMIT 1').get();
  return last === undefined ? 0 : readEntry(asAuditRow(last)).at;
}

function highestCheckpoint(checkpoints: AuditCheckpoints | undefined): number {
  const seen =
    checkpoints?.lines.map((line) => parseCheckpoint(line, checkpoints.verifier)?.sequence ?? 0) ?? [];
  return seen.reduce((most, one) => Math.max(most, one), 0);
}

function mustRepeat(backupAt: number, tokens: number): readonly string[] {
  const since = new Date(backupAt).toISOString();
  return [
    `revoke again what was revoked since ${since}`,
    `evict again the nodes that were evicted since ${since}`,
    `apply again the resources that were changed since ${since}`,
    `make new join tokens: ${tokens} that were outstanding in the backup are void, and so is every later one`,
  ];
}
