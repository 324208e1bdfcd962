import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** A rename or a new file is durable only when its directory is. */
export function syncDirectoryOf(file: string): void {
  syncPath(dirname(file));
}

export function syncPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes an empty file that only its owner can read; fails if there is one. */
export function reserveFile(file: string): void {
  closeSync(openSync(file, 'wx', 0o600));
}
