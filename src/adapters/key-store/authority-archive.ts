import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { authorityErrors } from '../../authority/index.ts';
import type { Secret } from '../../base/secret.ts';
import { keyStoreErrors } from './errors.ts';
import type { KeyProtection } from './file-key-store.ts';
import { effectiveUid, readGuarded } from './guarded-read.ts';
import { PassphraseLock } from './passphrase-lock.ts';
import { createAuthorityDirectory, openAuthorityDirectory } from './state-directory.ts';

/** The keys and the journal of an authority in one text that only the passphrase opens. */
export interface AuthorityArchive {
  readonly text: string;
  /** Names of the keys in it. */
  readonly keys: readonly string[];
}

interface Content {
  readonly format: 'castellan-authority-archive';
  readonly version: 1;
  readonly journal: string;
  /** What lies in `<name>.key`, as it lies there. */
  readonly keys: Readonly<Record<string, string>>;
}

const archiveName = 'authority-archive';
const maxFileBytes = 4 * 1024 * 1024;
const keyFile = /^([a-z][a-z0-9-]{0,63})\.key$/;
/** A renewal between the first file and the last is seen in the journal, and reading begins again. */
const attempts = 5;

/**
 * Reads the directory of an authority, whose server may be running, and seals all of it together: nothing in the
 * archive can be read or exchanged without the passphrase. Keys that are sealed in the directory stay so inside.
 */
export async function packAuthority(
  directory: string,
  passphrase: Secret,
  scryptCost?: number,
): Promise<AuthorityArchive> {
  if (passphrase.reveal().length < 8)
    throw keyStoreErrors.PASSPHRASE_REFUSED({ message: 'the passphrase is shorter than 8 characters' });
  const { journal, keys } = await readWhole(directory);
  const content: Content = { format: 'castellan-authority-archive', version: 1, journal, keys };
  const bytes = Buffer.from(JSON.stringify(content));
  const text = await new PassphraseLock(passphrase, scryptCost).seal(archiveName, bytes);
  bytes.fill(0);
  return { text, keys: Object.keys(keys) };
}

async function readWhole(directory: string): Promise<Pick<Content, 'journal' | 'keys'>> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const journal = await readText(directory, 'journal.json');
    if (journal === undefined)
      throw authorityErrors.AUTHORITY_MISSING({ message: `there is no authority in \`${directory}\`` });
    const keys: Record<string, string> = {};
    for (const file of (await readdir(directory)).sort()) {
      const name = keyFile.exec(file)?.[1];
      const text = name === undefined ? undefined : await readText(directory, file);
      if (name !== undefined && text !== undefined) keys[name] = text;
    }
    if ((await readText(directory, 'journal.json')) === journal) return { journal, keys };
  }
  throw keyStoreErrors.AUTHORITY_CHANGES();
}

async function readText(directory: string, file: string): Promise<string | undefined> {
  const guard = { maxBytes: maxFileBytes, uid: effectiveUid() };
  return (await readGuarded(join(directory, file), guard))?.toString('utf8');
}

/**
 * Makes the directory of an authority from an archive. Plain keys are sealed when `protection` has a passphrase; every
 * key is opened once before the directory takes its name. Throws AUTHORITY_EXISTS, ARCHIVE_CANNOT_OPEN.
 */
export async function unpackAuthority(
  text: string,
  passphrase: Secret,
  target: { readonly directory: string; readonly protection: KeyProtection },
): Promise<readonly string[]> {
  const content = parseContent(await new PassphraseLock(passphrase).unseal(archiveName, text));
  await createAuthorityDirectory(target.directory, target.protection, async ({ keys, journal }) => {
    for (const [name, key] of Object.entries(content.keys)) {
      await keys.adopt(name, key);
      await keys.open(name);
    }
    await journal.write(content.journal);
  });
  await openAuthorityDirectory(target.directory, target.protection);
  return Object.keys(content.keys);
}

function parseContent(bytes: Buffer | undefined): Content {
  if (bytes === undefined) throw keyStoreErrors.ARCHIVE_CANNOT_OPEN();
  try {
    const content = JSON.parse(bytes.toString('utf8')) as Content;
    const isKnown = content.format === 'castellan-authority-archive' && content.version === 1;
    const names = isKnown ? Object.keys(content.keys) : [];
    if (!isKnown || !names.every((name) => keyFile.test(`${name}.key`))) throw new Error('another format');
    return content;
  } catch (cause) {
    throw keyStoreErrors.ARCHIVE_CANNOT_OPEN({ cause });
  } finally {
    bytes.fill(0);
  }
}
