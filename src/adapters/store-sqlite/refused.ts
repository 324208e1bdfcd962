import { resultCode, sqliteCode } from './connection.ts';

/** A write that its port refuses by name. It is thrown before the write has changed a row. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Runs an insert that meets its own row at most once; the second is refused by `code`. */
export function insertOnce(code: string, insert: () => unknown): void {
  try {
    insert();
  } catch (error) {
    if (sqliteCode(error) === resultCode.constraint && /UNIQUE|PRIMARY KEY/i.test(String(error)))
      throw new Refused(code);
    throw error;
  }
}
