import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { authorityErrors, type JournalStore } from '../../authority/index.ts';
import { removeLeftovers, syncDirectory } from './durable-write.ts';
import { FileKeyStore, type KeyProtection } from './file-key-store.ts';
import { checkDirectory, effectiveUid } from './guarded-read.ts';
import { textFile } from './text-file.ts';

/** The ports of an authority on disk: `<directory>/journal.json` and `<directory>/<name>.key`. */
export interface AuthorityFiles {
  readonly keys: FileKeyStore;
  readonly journal: JournalStore;
}

/**
 * Makes the directory of a new authority. `fill` works in a directory beside it that takes the name at the end: a
 * crash leaves nothing behind that looks like an authority. Throws AUTHORITY_EXISTS unless there is nothing.
 */
export async function createAuthorityDirectory<T>(
  directory: string,
  protection: KeyProtection,
  fill: (files: AuthorityFiles) => Promise<T>,
): Promise<T> {
  const target = resolve(directory);
  const parent = dirname(target);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const draft = join(parent, `.${basename(target)}.new`);
  await refuseWhenTaken(target);
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  try {
    const result = await fill(filesIn(draft, protection));
    await syncDirectory(draft);
    await rename(draft, target);
    await syncDirectory(parent);
    return result;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (isTaken(error)) throw exists(target);
    throw error;
  }
}

/** Opens the directory of an authority that exists; throws AUTHORITY_MISSING, never makes one (S06). */
export async function openAuthorityDirectory(
  directory: string,
  protection: KeyProtection,
): Promise<AuthorityFiles> {
  const path = resolve(directory);
  try {
    await checkDirectory(path, effectiveUid());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw authorityErrors.AUTHORITY_MISSING({ message: `there is no authority in \`${path}\`` });
  }
  await removeLeftovers(path);
  return filesIn(path, protection);
}

/** True when `castellan up` may make a new authority here: the directory is absent or empty. */
export async function isAuthorityDirectoryFree(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
}

function filesIn(directory: string, protection: KeyProtection): AuthorityFiles {
  return {
    keys: new FileKeyStore(directory, protection),
    journal: textFile(join(directory, 'journal.json')),
  };
}

async function refuseWhenTaken(target: string): Promise<void> {
  try {
    await rmdir(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw isTaken(error) ? exists(target) : error;
  }
}

function isTaken(error: unknown): boolean {
  const { code = '' } = error as NodeJS.ErrnoException;
  return ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code);
}

function exists(target: string) {
  return authorityErrors.AUTHORITY_EXISTS({ message: `\`${target}\` is not empty` });
}
