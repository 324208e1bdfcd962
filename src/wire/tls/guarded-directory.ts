import { lstatSync, mkdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { wireErrors } from '../errors.ts';

/**
 * Makes the directory of a socket that everybody may connect to, or finds it good: ours, and nobody else may put another
 * file in the socket's place (N11, D26). The same holds for every directory above it, where a sticky one will do.
 * Throws SOCKET_DIRECTORY_UNSAFE.
 */
export function guardDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const own = lstatSync(path);
  if (!own.isDirectory()) throw unsafe(path, 'is not a directory');
  if (own.uid !== process.geteuid?.()) throw unsafe(path, `belongs to user ${own.uid}`);
  if ((own.mode & 0o022) !== 0) throw unsafe(path, 'may be written by others');
  for (let at = dirname(realpathSync(path)); ; at = dirname(at)) {
    const problem = findProblem(statSync(at));
    if (problem !== undefined) throw unsafe(at, problem);
    if (at === dirname(at)) return;
  }
}

function findProblem({ uid, mode }: Stats): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}`;
  const isSticky = (mode & 0o1000) !== 0;
  return (mode & 0o022) !== 0 && !isSticky ? 'may be written by others' : undefined;
}

function unsafe(path: string, problem: string): Error {
  return wireErrors.SOCKET_DIRECTORY_UNSAFE({ message: `the directory \`${path}\` ${problem}` });
}
