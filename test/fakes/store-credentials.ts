import type {
  AuditEvent,
  Idempotency,
  IssuancePage,
  IssuanceQuery,
  IssuanceRecord,
  IssuanceStore,
  JoinToken,
  JoinTokenStore,
  LivingIdentity,
  LivingQuery,
  RecordOutcome,
} from '../../src/operations/ports/index.ts';
import { storeErrors } from '../../src/operations/ports/index.ts';
import type { FakeJournal } from './store-journal.ts';

export class FakeIssuances implements IssuanceStore {
  readonly records: IssuanceRecord[] = [];
  readonly #idempotency = new Map<string, Idempotency>();
  readonly #journal: FakeJournal;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  recordIssuance(
    record: IssuanceRecord,
    audit: AuditEvent,
    idempotency?: Idempotency,
  ): Promise<RecordOutcome> {
    return this.#journal.commit<RecordOutcome>(() => {
      const earlier = idempotency && this.#live(idempotency.keyHash, idempotency.callerSubject);
      if (earlier !== undefined) {
        if (earlier.csrSha256 !== idempotency?.csrSha256) throw storeErrors.IDEMPOTENCY_CONFLICT();
        return { result: { replayed: true, chainPem: earlier.chainPem }, audits: [] };
      }
      if (this.records.some((r) => r.serial === record.serial)) throw storeErrors.SERIAL_TAKEN();
      this.records.push(structuredClone(record));
      if (idempotency !== undefined)
        this.#idempotency.set(rowKey(idempotency.keyHash, idempotency.callerSubject), idempotency);
      return { result: { replayed: false }, audits: [audit] };
    });
  }

  /** Within a transaction of another port. */
  put(record: IssuanceRecord): void {
    if (this.records.some((r) => r.serial === record.serial)) throw storeErrors.SERIAL_TAKEN();
    this.records.push(structuredClone(record));
  }

  async findBySerial(serial: string): Promise<IssuanceRecord | undefined> {
    return this.records.find((r) => r.serial === serial);
  }

  async findBySpiffeId(spiffeId: string, limit = 100): Promise<readonly IssuanceRecord[]> {
    return this.records
      .filter((r) => r.spiffeId === spiffeId)
      .reverse()
      .slice(0, limit);
  }

  async list(query: IssuanceQuery = {}): Promise<IssuancePage> {
    const { expiringBefore, expiringAfter = Number.NEGATIVE_INFINITY, limit = 100, cursor = '0' } = query;
    const bounded = this.records.filter(
      (r) => r.notAfter <= (expiringBefore ?? Number.POSITIVE_INFINITY) && r.notAfter > expiringAfter,
    );
    const ordered =
      expiringBefore === undefined ? bounded.reverse() : bounded.sort((a, b) => a.notAfter - b.notAfter);
    const from = Number(cursor);
    const records = ordered.slice(from, from + limit);
    return { records, cursor: from + limit < ordered.length ? String(from + limit) : undefined };
  }

  async findIdempotent(keyHash: string, callerSubject: string): Promise<Idempotency | undefined> {
    return this.#live(keyHash, callerSubject);
  }

  async listLiving(query: LivingQuery): Promise<readonly LivingIdentity[]> {
    const { now, issuedUntil = Number.POSITIVE_INFINITY, issuerKeyIds, exceptUnder, limit } = query;
    const living = this.records.filter(
      (r) =>
        r.notAfter > now &&
        r.issuedAt <= issuedUntil &&
        (issuerKeyIds?.includes(r.issuerKeyId) ?? true) &&
        (exceptUnder === undefined || !r.spiffeId.startsWith(exceptUnder)),
    );
    const byId = Map.groupBy(living, (r) => r.spiffeId);
    return [...byId]
      .map(([spiffeId, all]) => ({
        spiffeId,
        certificates: all.length,
        until: Math.max(...all.map((r) => r.notAfter)),
      }))
      .sort((a, b) => b.until - a.until || (a.spiffeId < b.spiffeId ? -1 : 1))
      .slice(0, limit);
  }

  async newestIssuedAt(): Promise<number | undefined> {
    return this.records.length === 0 ? undefined : Math.max(...this.records.map((r) => r.issuedAt));
  }

  async count(): Promise<number> {
    return this.records.length;
  }

  prune(endedBefore: number | undefined): number {
    const left = this.records.filter((r) => endedBefore === undefined || r.notAfter >= endedBefore);
    const removed = this.records.length - left.length;
    this.records.splice(0, this.records.length, ...left);
    return removed;
  }

  pruneIdempotency(now: number): number {
    let removed = 0;
    for (const [key, row] of this.#idempotency)
      if (row.expiresAt <= now && this.#idempotency.delete(key)) removed++;
    return removed;
  }

  #live(keyHash: string, callerSubject: string): Idempotency | undefined {
    const row = this.#idempotency.get(rowKey(keyHash, callerSubject));
    return row !== undefined && row.expiresAt > this.#journal.clock.now() ? row : undefined;
  }
}

export class FakeJoinTokens implements JoinTokenStore {
  readonly #tokens = new Map<string, JoinToken>();
  readonly #journal: FakeJournal;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  create(hash: string, spiffeId: string, expiresAt: number, audit: AuditEvent): Promise<void> {
    return this.#journal.commit(() => {
      if (this.#tokens.has(hash)) throw storeErrors.JOIN_TOKEN_TAKEN();
      this.#tokens.set(hash, { hash, spiffeId, expiresAt, createdAt: this.#journal.clock.now() });
      return { result: undefined, audits: [audit] };
    });
  }

  redeem(hash: string, now: number, audit: AuditEvent): Promise<{ readonly spiffeId: string } | undefined> {
    return this.#journal.commit(() => {
      const token = this.#tokens.get(hash);
      if (token === undefined || token.expiresAt <= now) return { result: undefined, audits: [] };
      this.#tokens.delete(hash);
      return { result: { spiffeId: token.spiffeId }, audits: [{ ...audit, object: token.spiffeId }] };
    });
  }

  async list(): Promise<readonly JoinToken[]> {
    return [...this.#tokens.values()];
  }

  prune(endedBefore: number | undefined): number {
    let removed = 0;
    for (const token of this.#tokens.values())
      if (endedBefore !== undefined && token.expiresAt < endedBefore && this.#tokens.delete(token.hash))
        removed++;
    return removed;
  }
}

function rowKey(keyHash: string, callerSubject: string): string {
  return `${keyHash}\n${callerSubject}`;
}
