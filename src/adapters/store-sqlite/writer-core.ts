import type { DatabaseSync } from 'node:sqlite';
import type { AuditHead } from '../../operations/ports/index.ts';
import { applyWrite } from './apply.ts';
import { connect, isRowError, resultCode, sqliteCode } from './connection.ts';
import { Ledger } from './ledger.ts';
import type { OutageReason, StampedWrite, ToWriter, WriteResult, WriterOptions } from './protocol.ts';
import { Refused } from './refused.ts';
import { prepareStatements, type Statements } from './statements.ts';

type Batch = Extract<ToWriter, { type: 'batch' }>;

const trimmedAtOnce = 1_000;

/** The one connection that writes. A batch is one transaction: acknowledged together, after one sync. */
export class WriterCore {
  readonly #options: WriterOptions;
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  #ledger: Ledger;
  #sinceCheckpoint = 0;
  #decisions: number | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#db = connect(options.file, { maxPages: options.maxPages });
    this.#statements = prepareStatements(this.#db);
    this.#ledger = new Ledger(this.#statements);
  }

  get head(): AuditHead {
    return this.#ledger.counters.head;
  }

  /** Returns after the commit is synced; throws when nothing of the batch may be acknowledged. */
  commit(batch: Batch): readonly WriteResult[] {
    const before = this.#ledger.counters;
    try {
      return this.#transact(batch, (write) => this.#applyInPlace(write));
    } catch (error) {
      this.#rollBack(before);
      if (!isRowError(error)) throw error;
    }
    // A row failed half-way: once more, each write under a savepoint of its own, so that its neighbours stand.
    try {
      return this.#transact(batch, (write) => this.#applyUnderSavepoint(write));
    } catch (error) {
      this.#rollBack(before);
      throw error;
    }
  }

  /** Moves the WAL into the database now and then; readers are not kept waiting. */
  tidy(): void {
    if (this.#sinceCheckpoint < this.#options.checkpointEvery) return;
    this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)');
    this.#sinceCheckpoint = 0;
  }

  /**
   * After a failed sync the WAL's last pages may be in memory only, marked clean (fsync is not to be tried again on
   * them). Moving the whole WAL into the database writes and syncs every page anew and leaves an empty WAL.
   */
  settle(): void {
    const row = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    if (row?.['busy'] !== 0) throw new Error('the write-ahead log is in use and could not be emptied');
    const problems = this.#db.prepare('PRAGMA quick_check(5)').all();
    const first = problems[0]?.['quick_check'];
    if (first !== 'ok') throw new DamagedError(String(first));
    this.#statements.begin.run();
    this.#ledger.save();
    this.#statements.commit.run();
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #transact(
    { writes, refusals, decisions }: Batch,
    apply: (write: StampedWrite) => WriteResult,
  ): readonly WriteResult[] {
    const before = this.#ledger.counters;
    this.#statements.begin.run();
    const results = writes.map(apply);
    this.#keepRefusals(refusals);
    this.#keepDecisions(decisions);
    if (this.#ledger.counters !== before) this.#ledger.save();
    this.#statements.commit.run();
    this.#sinceCheckpoint += writes.length + refusals.length + decisions.length;
    return results;
  }

  /** Without a savepoint: good as long as a write that fails fails before it changes a row. */
  #applyInPlace(write: StampedWrite): WriteResult {
    this.#ledger.begin(write);
    try {
      return { ok: true, answer: applyWrite(write.write, this.#ledger, this.#statements) };
    } catch (error) {
      if (this.#ledger.touched || !isRowError(error)) throw error;
      return asFailure(error);
    }
  }

  #applyUnderSavepoint(write: StampedWrite): WriteResult {
    const before = this.#ledger.counters;
    this.#statements.save.run();
    this.#ledger.begin(write);
    try {
      const answer = applyWrite(write.write, this.#ledger, this.#statements);
      this.#statements.release.run();
      return { ok: true, answer };
    } catch (error) {
      if (!isRowError(error)) throw error;
      this.#statements.undo.run();
      this.#statements.release.run();
      this.#ledger.counters = before;
      return asFailure(error);
    }
  }

  #keepRefusals(refusals: Batch['refusals']): void {
    let newest = 0;
    for (const { requestId, at, code, detail, evidence } of refusals) {
      const row = this.#statements.insertRefusal.get(requestId, at, code, detail, evidence);
      newest = Number(row?.['id'] ?? 0);
    }
    if (newest > this.#options.refusals) this.#statements.trimRefusals.run(newest - this.#options.refusals);
  }

  /** The ring is counted once and trimmed a thousand rows at a time. */
  #keepDecisions(decisions: Batch['decisions']): void {
    if (decisions.length === 0) return;
    for (const { id, at, outcome, reason, source, destination, storeRevision, body } of decisions)
      this.#statements.insertDecision.run(
        id,
        at,
        outcome,
        reason,
        source,
        destination,
        Number(storeRevision),
        body,
      );
    this.#decisions ??= Number(this.#statements.countDecisions.get()?.['n'] ?? 0);
    this.#decisions += decisions.length;
    const excess = this.#decisions - this.#options.decisions;
    if (excess < trimmedAtOnce) return;
    this.#statements.trimDecisions.run(excess);
    this.#decisions = undefined;
  }

  #rollBack(counters: Ledger['counters']): void {
    this.#ledger.counters = counters;
    this.#decisions = undefined;
    try {
      if (this.#db.isOpen && this.#db.isTransaction) this.#statements.rollback.run();
    } catch {
      // The error that led here is the one to report; the connection is about to be replaced.
    }
  }
}

class DamagedError extends Error {}

function asFailure(error: unknown): WriteResult {
  return error instanceof Refused
    ? { ok: false, code: error.code, detail: '' }
    : { ok: false, code: 'INTERNAL', detail: String(error) };
}

/** What the operator is told an outage is about. */
export function outageReason(error: unknown): OutageReason {
  const code = sqliteCode(error);
  if (code === resultCode.full) return 'disk-full';
  const damaged = code === resultCode.corrupt || code === resultCode.notADatabase;
  return damaged || error instanceof DamagedError ? 'damaged' : 'io-error';
}
