import type { Refusal, RefusalLog } from '../../operations/ports/index.ts';
import type { Reader } from './reader.ts';
import { readRefusal } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

/** Notes are written behind, with whatever batch comes next; the newest are found in memory until then. */
export class SqliteRefusals implements RefusalLog {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;

  constructor(queue: WriteQueue, reader: Reader) {
    this.#queue = queue;
    this.#reader = reader;
  }

  note(refusal: Refusal): void {
    this.#queue.note(refusal);
  }

  async find(requestId: string): Promise<Refusal | undefined> {
    await this.#queue.settleNotes();
    const row = this.#reader.get(
      'SELECT * FROM refusal WHERE request_id = ? ORDER BY id DESC LIMIT 1',
      requestId,
    );
    return row === undefined ? undefined : readRefusal(row);
  }

  async list(limit = 100): Promise<readonly Refusal[]> {
    await this.#queue.settleNotes();
    const most = Math.max(1, Math.min(1000, Math.floor(limit)));
    return this.#reader.all('SELECT * FROM refusal ORDER BY id DESC LIMIT ?', most).map(readRefusal);
  }

  dropped(): number {
    return this.#queue.figures.refusalsDropped;
  }
}
