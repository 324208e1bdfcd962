import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { Secret } from '../../base/secret.ts';
import { settingsErrors } from './errors.ts';

const longestSecret = 64 * 1024;

/** Where a secret is kept; never the secret itself. */
export interface SecretSource {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
  readonly fd?: number | undefined;
}

export interface FoundSecret {
  readonly secret: Secret;
  /** Said at start when the source is weaker than a file. */
  readonly warning?: string;
}

/** Reads the secret from wherever it is kept (one trailing line break is not part of it); undefined for no source. */
export function readSecret(
  source: SecretSource,
  env: Readonly<Record<string, string | undefined>>,
): FoundSecret | undefined {
  if (source.file !== undefined) return { secret: new Secret(readSecretFile(source.file)) };
  if (source.fd !== undefined)
    return { secret: new Secret(readDescriptor(source.fd, `descriptor ${source.fd}`)) };
  if (source.env === undefined) return undefined;
  const text = env[source.env];
  if (text === undefined || text === '')
    throw settingsErrors.SETTING_SECRET_MISSING({ message: `the variable \`${source.env}\` is not set` });
  return {
    secret: new Secret(text),
    warning: `the passphrase is in the environment (${source.env}), which others can see in /proc; a file of mode 0400 is safer`,
  };
}

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

function readDescriptor(fd: number, name: string): string {
  try {
    return readAll(fd, name);
  } catch (cause) {
    throw settingsErrors.SETTING_SECRET_MISSING({ message: `the secret cannot be read from ${name}`, cause });
  }
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
