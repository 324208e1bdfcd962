import { constants, type Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { keyStoreErrors } from './errors.ts';

export interface Guard {
  readonly maxBytes: number;
  /** The user the file must belong to: the one this process acts as. */
  readonly uid: number;
  /** A mounted secret is a symlink to its current version; keys are never behind one. */
  readonly followSymlinks?: boolean;
}

/** The user that this process acts as; -1, which owns nothing, where the platform has no users. */
export function effectiveUid(): number {
  return process.geteuid?.() ?? -1;
}

/**
 * Reads a file with secrets: regular, ours, closed to everyone else (S16, S18). What is checked is what is read:
 * one descriptor, opened without following a symlink and without waiting at a FIFO. Undefined when it is absent.
 */
export async function readGuarded(path: string, guard: Guard): Promise<Buffer | undefined> {
  const follow = guard.followSymlinks === true ? 0 : constants.O_NOFOLLOW;
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | follow);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code === 'ELOOP') throw insecure(path, 'is a symbolic link', error);
    if (code === 'ENXIO') throw insecure(path, 'is not a regular file', error);
    throw insecure(path, `cannot be opened (${code ?? 'unknown error'})`, error);
  }
  try {
    const stats = await file.stat();
    const problem = stats.isFile() ? findLooseness(stats, guard.uid) : 'is not a regular file';
    if (problem !== undefined) throw insecure(path, problem);
    if (stats.size > guard.maxBytes) throw insecure(path, `is larger than ${guard.maxBytes} bytes`);
    const buffer = Buffer.alloc(guard.maxBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > guard.maxBytes) throw insecure(path, `is larger than ${guard.maxBytes} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Refuses a directory with keys that others own or may write into: they could swap what lies in it. */
export async function checkDirectory(path: string, uid: number): Promise<void> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) throw insecure(path, 'is not a directory');
  const problem = findLooseness(stats, uid);
  if (problem !== undefined) throw insecure(path, problem);
}

function findLooseness(stats: Stats, uid: number): string | undefined {
  if (stats.uid !== uid) return `belongs to user ${stats.uid}, not to ${uid}`;
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) !== 0) return `has mode 0${mode.toString(8)}, which lets others in`;
  return undefined;
}

function insecure(path: string, problem: string, cause?: unknown) {
  return keyStoreErrors.KEY_FILE_INSECURE({ message: `\`${path}\` ${problem}`, cause });
}
