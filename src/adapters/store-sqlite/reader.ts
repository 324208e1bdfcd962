import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { storeErrors } from '../../operations/ports/index.ts';
import { connect } from './connection.ts';
import type { Row } from './rows.ts';

/** The main thread's own connection, which only reads; its statements are prepared once and kept. */
export class Reader {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#db = connect(file, { readOnly: true });
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#run(() => this.#prepare(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#run(() => this.#prepare(sql).all(...values));
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw storeErrors.STORE_UNAVAILABLE({
        message: 'the store cannot be read now',
        retryAfterSeconds: 1,
        cause,
      });
    }
  }
}
