import type { Clock } from '../../base/clock.ts';
import type {
  AuditEvent,
  Idempotency,
  IssuancePage,
  IssuanceQuery,
  IssuanceRecord,
  IssuanceStore,
  LivingIdentity,
  LivingQuery,
  RecordOutcome,
} from '../../operations/ports/index.ts';
import type { Reader } from './reader.ts';
import { bytesOf, readIdempotency, readIssuance } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

const longestPage = 1000;

export class SqliteIssuances implements IssuanceStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #clock: Clock;

  constructor(queue: WriteQueue, reader: Reader, clock: Clock) {
    this.#queue = queue;
    this.#reader = reader;
    this.#clock = clock;
  }

  recordIssuance(
    record: IssuanceRecord,
    audit: AuditEvent,
    idempotency?: Idempotency,
  ): Promise<RecordOutcome> {
    return this.#queue.submit<'issue'>({ kind: 'issue', record, audit, idempotency });
  }

  async findBySerial(serial: string): Promise<IssuanceRecord | undefined> {
    if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) return undefined;
    const row = this.#reader.get('SELECT * FROM issuance WHERE serial = ?', bytesOf(serial));
    return row === undefined ? undefined : readIssuance(row);
  }

  async findBySpiffeId(spiffeId: string, limit = 100): Promise<readonly IssuanceRecord[]> {
    const sql = 'SELECT * FROM issuance WHERE spiffe_id = ? ORDER BY id DESC LIMIT ?';
    return this.#reader.all(sql, spiffeId, pageSize(limit)).map(readIssuance);
  }

  async list(query: IssuanceQuery = {}): Promise<IssuancePage> {
    const limit = pageSize(query.limit ?? 100);
    const after = query.expiringAfter ?? Number.MIN_SAFE_INTEGER;
    const rows =
      query.expiringBefore === undefined
        ? this.#reader.all(
            'SELECT * FROM issuance WHERE id < ? AND not_after > ? ORDER BY id DESC LIMIT ?',
            readCursor(query.cursor)[0] ?? Number.MAX_SAFE_INTEGER,
            after,
            limit + 1,
          )
        : this.#listByEnd(query.expiringBefore, after, { cursor: query.cursor, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const more = rows.length > limit && last !== undefined;
    const keys = query.expiringBefore === undefined ? [last?.['id']] : [last?.['not_after'], last?.['id']];
    return { records: page.map(readIssuance), cursor: more ? keys.join('.') : undefined };
  }

  #listByEnd(before: number, after: number, page: { cursor: string | undefined; limit: number }) {
    const [end = after, id = Number.MAX_SAFE_INTEGER] = readCursor(page.cursor);
    return this.#reader.all(
      `SELECT * FROM issuance WHERE not_after <= ? AND (not_after, id) > (?, ?) ORDER BY not_after, id LIMIT ?`,
      before,
      end,
      id,
      page.limit,
    );
  }

  async findIdempotent(keyHash: string, callerSubject: string): Promise<Idempotency | undefined> {
    const row = this.#reader.get(
      `SELECT csr_sha256, expires_at, chain FROM idempotency
       WHERE key_hash = ? AND caller_subject = ? AND expires_at > ?`,
      bytesOf(keyHash),
      callerSubject,
      this.#clock.now(),
    );
    return row === undefined ? undefined : readIdempotency(keyHash, callerSubject, row);
  }

  async listLiving(query: LivingQuery): Promise<readonly LivingIdentity[]> {
    const { now, issuedUntil = Number.MAX_SAFE_INTEGER, issuerKeyIds, exceptUnder = '', limit } = query;
    const issuers = issuerKeyIds?.map(bytesOf) ?? [];
    const signedBy =
      issuerKeyIds === undefined ? '' : `AND issuer_key_id IN (${issuers.map(() => '?').join(', ')})`;
    return this.#reader
      .all(
        `SELECT spiffe_id, count(*) AS certificates, max(not_after) AS until FROM issuance
         WHERE not_after > ? AND issued_at <= ? AND (? = '' OR substr(spiffe_id, 1, length(?)) <> ?)
         ${signedBy}
         GROUP BY spiffe_id ORDER BY until DESC, spiffe_id LIMIT ?`,
        now,
        issuedUntil,
        exceptUnder,
        exceptUnder,
        exceptUnder,
        ...issuers,
        pageSize(limit),
      )
      .map((row) => ({
        spiffeId: String(row['spiffe_id']),
        certificates: Number(row['certificates']),
        until: Number(row['until']),
      }));
  }

  async newestIssuedAt(): Promise<number | undefined> {
    const newest = this.#reader.get('SELECT newest_issued_at FROM meta')?.['newest_issued_at'];
    return typeof newest === 'number' ? newest : undefined;
  }

  async count(): Promise<number> {
    return Number(this.#reader.get('SELECT issuance_count FROM meta')?.['issuance_count'] ?? 0);
  }
}

function pageSize(limit: number): number {
  return Math.max(1, Math.min(longestPage, Math.floor(limit)));
}

/** A cursor is one or two integers; anything else begins at the beginning. */
function readCursor(cursor: string | undefined): readonly number[] {
  const parts = (cursor ?? '').split('.').map(Number);
  return cursor !== undefined && parts.every(Number.isSafeInteger) ? parts : [];
}
