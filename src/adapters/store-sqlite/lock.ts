import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { storeErrors } from '../../operations/ports/index.ts';
import { resultCode, sqliteCode } from './connection.ts';
import { readHolder, type StateFiles } from './state-directory.ts';

/**
 * One process per state directory (S07). The lock is an open exclusive transaction on a database of its own, so the
 * kernel holds it: it ends with the process, however that ends. The JSON beside it only names the holder.
 */
export function lockDirectory(files: StateFiles): Disposable {
  const db = takeLock(files);
  try {
    writeFileSync(files.holder, `${JSON.stringify({ pid: process.pid })}\n`, { mode: 0o600 });
  } catch (cause) {
    db.close();
    throw storeErrors.STORE_UNSUITABLE({ message: `\`${files.holder}\` cannot be written`, cause });
  }
  return {
    [Symbol.dispose]: () => {
      if (db.isOpen) db.close();
    },
  };
}

function takeLock(files: StateFiles): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(files.lock, { timeout: 0, allowExtension: false });
    db.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return db;
  } catch (cause) {
    db?.close();
    if (sqliteCode(cause) !== resultCode.busy)
      throw storeErrors.STORE_UNSUITABLE({
        message: `the lock file \`${files.lock}\` cannot be used`,
        cause,
      });
    throw storeErrors.STORE_LOCKED({
      message: `another server${readHolder(files.holder)} uses this state directory: \`${files.lock}\` is held`,
      cause,
    });
  }
}
