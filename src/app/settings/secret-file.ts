import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { settingsErrors } from './errors.ts';

const longestSecret = 64 * 1024;

/** A secret file is a plain file of ours (or root's) that nobody else may read. */
export function readSecretFile(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const raise = isMissing
      ? settingsErrors.SETTING_SECRET_MISSING
      : settingsErrors.SETTING_SECRET_SOURCE_UNSAFE;
    throw raise({ message: `the secret file \`${path}\` cannot be opened`, cause });
  }
  try {
    const problem = findProblem(fstatSync(fd));
    if (problem !== undefined)
      throw settingsErrors.SETTING_SECRET_SOURCE_UNSAFE({
        message: `the secret file \`${path}\` ${problem}`,
      });
    return readAll(fd, path);
  } finally {
    closeSync(fd);
  }
}

function findProblem(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'is not a plain file';
  if ((stats.mode & 0o077) !== 0)
    return `has mode 0${(stats.mode & 0o777).toString(8)}, so others can read or change it`;
  const self = process.getuid?.();
  return self === undefined || stats.uid === self || stats.uid === 0 ? undefined : 'belongs to another user';
}

function readAll(fd: number, name: string): string {
  const buffer = Buffer.alloc(longestSecret + 1);
  let length = 0;
  for (;;) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
    if (length > longestSecret)
      throw settingsErrors.SETTING_SECRET_MISSING({ message: `the secret in ${name} is longer than 64 KiB` });
  }
  const text = buffer.toString('utf8', 0, length).replace(/\r?\n$/, '');
  if (text === '') throw settingsErrors.SETTING_SECRET_MISSING({ message: `the secret in ${name} is empty` });
  return text;
}
