import { closeSync, fstatSync, readSync } from 'node:fs';
import { Secret } from '../../base/secret.ts';
import { keyStoreErrors } from './errors.ts';
import { effectiveUid, readGuarded } from './guarded-read.ts';

/** Where the passphrase comes from; never from the command line, which every user can read. */
export type PassphraseSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly variable: string }
  | { readonly kind: 'descriptor'; readonly fd: number };

export interface PassphraseReading {
  readonly passphrase: Secret;
  /** Sentences for the operator, such as that the environment is visible in /proc. */
  readonly warnings: readonly string[];
}

const maxBytes = 4096;

/** Reads the passphrase once (S18); one trailing line end is not part of it. */
export async function readPassphrase(
  source: PassphraseSource,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<PassphraseReading> {
  switch (source.kind) {
    case 'file': {
      const content = await readGuarded(source.path, { maxBytes, uid: effectiveUid(), followSymlinks: true });
      if (content === undefined)
        throw keyStoreErrors.PASSPHRASE_MISSING({
          message: `there is no passphrase file \`${source.path}\``,
        });
      return { passphrase: toSecret(content), warnings: [] };
    }
    case 'environment': {
      const value = environment[source.variable];
      if (value === undefined)
        throw keyStoreErrors.PASSPHRASE_MISSING({
          message: `the environment variable \`${source.variable}\` with the passphrase is not set`,
        });
      const warning = `the passphrase comes from the environment variable ${source.variable}, which other processes of this user can read in /proc; prefer a file of mode 0400 or a file descriptor`;
      return { passphrase: toSecret(Buffer.from(value)), warnings: [warning] };
    }
    default:
      return { passphrase: toSecret(readDescriptor(source.fd)), warnings: [] };
  }
}

/** Read to its end and closed, so that nothing this process starts inherits it. */
function readDescriptor(fd: number): Buffer {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  try {
    fstatSync(fd);
    while (length < buffer.length) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    closeSync(fd);
  } catch (error) {
    throw keyStoreErrors.PASSPHRASE_MISSING({
      message: `the passphrase cannot be read from file descriptor ${fd}`,
      cause: error,
    });
  }
  if (length > maxBytes)
    throw keyStoreErrors.PASSPHRASE_REFUSED({ message: `the passphrase is longer than ${maxBytes} bytes` });
  return buffer.subarray(0, length);
}

function toSecret(content: Buffer): Secret {
  return new Secret(content.toString('utf8').replace(/\r?\n$/, ''));
}
