import type { AuditEvent, JoinToken, JoinTokenStore } from '../../operations/ports/index.ts';
import type { Reader } from './reader.ts';
import { readToken } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

export class SqliteJoinTokens implements JoinTokenStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;

  constructor(queue: WriteQueue, reader: Reader) {
    this.#queue = queue;
    this.#reader = reader;
  }

  create(hash: string, spiffeId: string, expiresAt: number, audit: AuditEvent): Promise<void> {
    return this.#queue.submit<'create-token'>({ kind: 'create-token', hash, spiffeId, expiresAt, audit });
  }

  redeem(hash: string, now: number, audit: AuditEvent): Promise<{ readonly spiffeId: string } | undefined> {
    return this.#queue.submit<'redeem-token'>({ kind: 'redeem-token', hash, now, audit });
  }

  async list(): Promise<readonly JoinToken[]> {
    return this.#reader.all('SELECT * FROM join_token ORDER BY created_at, hash').map(readToken);
  }
}
