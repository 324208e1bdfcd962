import { DatabaseSync } from 'node:sqlite';

/** How long a connection waits for another one's lock. */
const busyTimeoutMs = 5000;

export interface ConnectionOptions {
  readonly readOnly?: boolean;
  /** The database may not grow beyond so many pages of 4 KiB. */
  readonly maxPages?: number | undefined;
  /** `delete` for a file that is to stand alone, such as a backup. */
  readonly journal?: 'wal' | 'delete';
}

/**
 * WAL with synchronous=FULL: a commit is on disk when COMMIT returns (NORMAL may lose it at power loss). The schema is
 * not trusted, and defensive mode keeps SQL from writing the file's own structure.
 */
export function connect(file: string, options: ConnectionOptions = {}): DatabaseSync {
  const db = new DatabaseSync(file, {
    readOnly: options.readOnly ?? false,
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: true,
    enableDoubleQuotedStringLiterals: false,
    allowExtension: false,
    defensive: true,
  });
  try {
    db.exec('PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON');
    if (!options.readOnly) {
      db.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
      db.exec('PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192');
      db.exec(`PRAGMA journal_mode = ${options.journal === 'delete' ? 'DELETE' : 'WAL'}`);
      if (options.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(options.maxPages)}`);
    }
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/** SQLite's primary result code, or undefined for an error that is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

export const resultCode = {
  busy: 5,
  ioError: 10,
  corrupt: 11,
  full: 13,
  tooBig: 18,
  constraint: 19,
  notADatabase: 26,
};

/** True for what is wrong with one row, not with the disk or the file. */
export function isRowError(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === undefined || code === resultCode.constraint || code === resultCode.tooBig || code === 20;
}
