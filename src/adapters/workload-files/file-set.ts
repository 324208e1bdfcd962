import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Files by name. */
export type FileSet = Readonly<Record<string, string>>;

const current = '..data';
const generation = /^\.\.[0-9a-f]{16}$/;

/**
 * Puts a set of files in force in one step: a reader sees the old key with the old certificate or the new with the new,
 * never one of each. The names are links into a directory that is exchanged by one rename, as mounted secrets are; a
 * set that could not be written whole (a full disk) changes nothing. Files are 0600, since one of them is a key.
 */
export async function writeFileSet(directory: string, files: FileSet): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const before = await readlink(join(directory, current)).catch(() => undefined);
  const name = `..${randomBytes(8).toString('hex')}`;
  const draft = join(directory, `${current}.new`);
  try {
    await mkdir(join(directory, name), { mode: 0o700 });
    for (const [file, content] of Object.entries(files)) await writeOne(join(directory, name, file), content);
    await rm(draft, { force: true });
    await symlink(name, draft);
    await rename(draft, join(directory, current));
  } catch (error) {
    await rm(join(directory, name), { recursive: true, force: true });
    throw error;
  }
  for (const file of Object.keys(files)) await linkOnce(directory, file);
  await removeOld(directory, [name, before ?? '']);
}

async function writeOne(path: string, content: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The name that people know leads to the set that is in force. What is no link of ours is not touched. */
async function linkOnce(directory: string, file: string): Promise<void> {
  const path = join(directory, file);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) await symlink(join(current, file), path);
  else if (!found.isSymbolicLink() || (await readlink(path)) !== join(current, file))
    throw new Error(`\`${path}\` is in the way: it is not a link of this agent`);
}

/** The set before is kept for whoever is just reading it; older ones and what a crash left are removed. */
async function removeOld(directory: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(directory))
    if (generation.test(name) && !kept.includes(name))
      await rm(join(directory, name), { recursive: true, force: true });
}
