import type {
  DecisionQuery,
  DecisionRing,
  DecisionRow,
  StoredResource,
} from '../../operations/ports/index.ts';
import type { Reader } from './reader.ts';
import { readResource } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

/** The ring of decisions, written behind with whatever batch comes next. */
export class SqliteDecisions implements DecisionRing {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;

  constructor(queue: WriteQueue, reader: Reader) {
    this.#queue = queue;
    this.#reader = reader;
  }

  note(row: DecisionRow): void {
    this.#queue.noteDecision(row);
  }

  async find(id: string): Promise<DecisionRow | undefined> {
    await this.#queue.settleNotes();
    const row = this.#reader.get('SELECT * FROM decision WHERE id = ?', id);
    return row === undefined ? undefined : readDecision(row);
  }

  async list(query: DecisionQuery = {}): Promise<readonly DecisionRow[]> {
    await this.#queue.settleNotes();
    const { outcome, source, destination, since, after } = query;
    const tests: readonly (readonly [string, string | number | undefined])[] = [
      ['outcome = ?', outcome],
      ['source = ?', source],
      ['destination = ?', destination],
      ['at >= ?', since],
      ['id > ?', after],
    ];
    const used = tests.filter((test): test is readonly [string, string | number] => test[1] !== undefined);
    const where = used.length === 0 ? '' : `WHERE ${used.map(([sql]) => sql).join(' AND ')}`;
    const most = Math.max(1, Math.min(10_000, Math.floor(query.limit ?? 100)));
    const order = after === undefined ? 'DESC' : 'ASC';
    const sql = `SELECT * FROM decision ${where} ORDER BY id ${order} LIMIT ?`;
    return this.#reader.all(sql, ...used.map(([, value]) => value), most).map(readDecision);
  }

  async resourcesAt(revision: bigint): Promise<readonly StoredResource[] | undefined> {
    const at = Number(revision);
    const kept = this.#reader.get('SELECT history_base FROM history_bounds WHERE id = 1');
    if (at < Number(kept?.['history_base'] ?? 0)) return undefined;
    const columns = 'kind, namespace, name, content, owner, version, created_at, updated_at';
    const sql = `SELECT ${columns} FROM resource WHERE version <= ?
      UNION ALL SELECT ${columns} FROM resource_history WHERE version <= ? AND until_revision > ?`;
    return this.#reader.all(sql, at, at, at).map(readResource);
  }

  dropped(): number {
    return this.#queue.figures.decisionsDropped;
  }
}

function readDecision(row: Readonly<Record<string, unknown>>): DecisionRow {
  return {
    id: String(row['id']),
    at: Number(row['at']),
    outcome: row['outcome'] === 'allow' ? 'allow' : 'deny',
    reason: String(row['reason']),
    source: String(row['source']),
    destination: String(row['destination']),
    storeRevision: BigInt(row['store_revision'] as number),
    body: String(row['body']),
  };
}
