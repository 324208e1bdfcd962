import type { Logger } from '../../base/logger.ts';
import { type AuditRow, emptyHead, readEntry, verifyAudit } from '../../operations/audit/index.ts';
import type {
  AuditCheckpoints,
  AuditEntry,
  AuditEvent,
  AuditHead,
  AuditQuery,
  AuditReport,
  AuditStore,
} from '../../operations/ports/index.ts';
import { Listeners } from './listeners.ts';
import type { Reader } from './reader.ts';
import { hexOf, type Row } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

/** Rows read in one go; between two the event loop gets its turn. */
const chunk = 1000;
/** Entries stand in the order they were written, so a search by time may stop this far below its beginning. */
const clockSlackMs = 3_600_000;

export class SqliteAudit implements AuditStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #listeners: Listeners<AuditHead>;
  #head: AuditHead = emptyHead;

  constructor(queue: WriteQueue, reader: Reader, logger: Logger) {
    this.#queue = queue;
    this.#reader = reader;
    this.#listeners = new Listeners(logger);
  }

  moveTo(head: AuditHead): void {
    if (head.hash === this.#head.hash) return;
    this.#head = head;
    this.#listeners.tell(head);
  }

  append(event: AuditEvent): Promise<void> {
    return this.#queue.submit<'append'>({ kind: 'append', audit: event });
  }

  async list(query: AuditQuery = {}): Promise<readonly AuditEntry[]> {
    const limit = Math.max(1, Math.min(1000, query.limit ?? 100));
    const found: AuditEntry[] = [];
    for await (const entries of this.#newestFirst(query)) {
      for (const entry of entries) if (found.length < limit && matches(entry, query)) found.push(entry);
      const oldest = entries.at(-1);
      if (found.length >= limit || (oldest?.at ?? 0) < (query.since ?? 0) - clockSlackMs) break;
    }
    return found;
  }

  head(): AuditHead {
    return this.#head;
  }

  onGrowth(listener: (head: AuditHead) => void): Disposable {
    return this.#listeners.add(listener);
  }

  verify(checkpoints?: AuditCheckpoints): Promise<AuditReport> {
    return verifyStoredAudit(this.#reader, checkpoints);
  }

  async *#newestFirst({ before = Number.MAX_SAFE_INTEGER, requestId }: AuditQuery) {
    if (requestId !== undefined) {
      const sql = 'SELECT * FROM audit WHERE request_id = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?';
      yield this.#reader.all(sql, requestId, before, chunk).map((row) => readEntry(asAuditRow(row)));
      return;
    }
    for (let below = before; ; ) {
      const sql = 'SELECT * FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?';
      const entries = this.#reader.all(sql, below, chunk).map((row) => readEntry(asAuditRow(row)));
      if (entries.length > 0) yield entries;
      if (entries.length < chunk) return;
      below = entries.at(-1)?.sequence ?? 0;
      await yieldToOthers();
    }
  }
}

/** Walks the chain of the database behind `reader`, up to the head it has now: writes may go on meanwhile. */
export async function verifyStoredAudit(
  reader: Reader,
  checkpoints?: AuditCheckpoints,
): Promise<AuditReport> {
  const meta = reader.get('SELECT *, (SELECT max(sequence) FROM audit) AS last FROM meta');
  if (meta === undefined) throw new TypeError('the meta row is missing');
  const recordedHead = { sequence: Number(meta['audit_sequence']), hash: hexOf(meta['audit_hash']) };
  const base = { sequence: Number(meta['audit_base_sequence']), hash: hexOf(meta['audit_base_hash']) };
  const instance = String(meta['instance_id']);
  return verifyAudit(rowsUpTo(reader, base.sequence, Number(meta['last'] ?? 0)), {
    base,
    recordedHead,
    instance,
    checkpoints,
  });
}

/** Up to the last entry of the moment the walk began: one the database does not remember is walked, and found. */
async function* rowsUpTo(reader: Reader, from: number, end: number): AsyncGenerator<AuditRow> {
  for (let above = from; ; ) {
    const sql = 'SELECT * FROM audit WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?';
    const rows = reader.all(sql, above, end, chunk);
    for (const row of rows) yield asAuditRow(row);
    if (rows.length < chunk) return;
    above = Number(rows.at(-1)?.['sequence']);
    await yieldToOthers();
  }
}

export function asAuditRow(row: Row): AuditRow {
  return { sequence: Number(row['sequence']), body: String(row['body']), hash: hexOf(row['hash']) };
}

function matches(entry: AuditEntry, query: AuditQuery): boolean {
  return (
    (query.action ?? entry.action) === entry.action &&
    (query.object ?? entry.object) === entry.object &&
    entry.at >= (query.since ?? Number.NEGATIVE_INFINITY)
  );
}

function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
