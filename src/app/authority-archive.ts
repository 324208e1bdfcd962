import { readFileSync } from 'node:fs';
import { packAuthority, readPassphrase, unpackAuthority } from '../adapters/key-store/index.ts';
import { keyProtection } from './authority-settings.ts';
import type { Environment } from './environment.ts';
import { appErrors } from './errors.ts';
import type { Settings } from './settings/index.ts';
import { statePaths } from './state-paths.ts';

/** An archive of the signing keys, and the file with the passphrase it is sealed with. */
export interface KeyArchiveFile {
  readonly file: string;
  readonly passphraseFile: string;
}

/** The keys of this state directory, sealed with a passphrase of the operator's. The server may run. */
export async function archiveAuthority(
  settings: Settings,
  passphraseFile: string,
): Promise<{ readonly text: string; readonly keys: readonly string[] }> {
  const { passphrase } = await readPassphrase({ kind: 'file', path: passphraseFile }, {});
  return packAuthority(statePaths(settings).authority, passphrase);
}

/** Brings archived keys into a state directory that has none; sealed as the settings want them. */
export async function restoreAuthority(
  settings: Settings,
  environment: Environment,
  { file, passphraseFile }: KeyArchiveFile,
): Promise<readonly string[]> {
  const { passphrase } = await readPassphrase({ kind: 'file', path: passphraseFile }, {});
  const { protection } = await keyProtection(settings, environment);
  const directory = statePaths(settings).authority;
  return unpackAuthority(readArchive(file), passphrase, { directory, protection });
}

function readArchive(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw appErrors.KEY_ARCHIVE_UNREADABLE({ message: `\`${file}\` cannot be read`, cause });
  }
}
