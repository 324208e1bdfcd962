import { chmodSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { storeErrors } from '../../operations/ports/index.ts';

/** The store's files in a state directory. Nothing else in the process may open the database file: closing any
 * descriptor of it would drop SQLite's POSIX locks. */
export interface StateFiles {
  readonly database: string;
  readonly wal: string;
  readonly lock: string;
  readonly holder: string;
}

export function stateFiles(directory: string): StateFiles {
  const database = join(directory, 'castellan.db');
  return {
    database,
    wal: `${database}-wal`,
    lock: join(directory, 'castellan.lock'),
    holder: join(directory, 'castellan.lock.json'),
  };
}

/** File locks and the write-ahead log's shared memory do not work over these (statfs f_type). */
const networkFileSystems = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x01021997, '9p'],
  [0x5346414f, 'afs'],
  [0x00c36400, 'ceph'],
]);

/** Makes the directory when asked to; refuses one that others can write or that is on a network file system. */
export function prepareDirectory(directory: string, options: { readonly create: boolean }): void {
  if (options.create && mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined)
    chmodSync(directory, 0o700);
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (stat === undefined)
    throw storeErrors.STORE_MISSING({ message: `there is no state directory \`${directory}\`` });
  if (!stat.isDirectory())
    throw storeErrors.STORE_UNSUITABLE({ message: `\`${directory}\` is not a directory` });
  if ((stat.mode & 0o022) !== 0)
    throw storeErrors.STORE_UNSUITABLE({
      message: `the state directory \`${directory}\` can be written by others (mode ${(stat.mode & 0o777).toString(8)})`,
    });
  const network = networkFileSystems.get(statfsSync(directory).type >>> 0);
  if (network !== undefined)
    throw storeErrors.STORE_UNSUITABLE({ message: `the state directory \`${directory}\` is on ${network}` });
}

export function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

export function readHolder(file: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid?: number };
    return typeof pid === 'number' ? ` (process ${pid})` : '';
  } catch {
    return '';
  }
}
