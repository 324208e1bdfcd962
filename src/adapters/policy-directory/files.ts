import { constants } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What is refused rather than read. */
export const directoryLimits = Object.freeze({
  files: 20_000,
  directories: 2_000,
  depth: 8,
  fileBytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
});

export interface FoundFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly absolute: string;
  readonly size: number;
  /** Which file this is, and which version of it. */
  readonly signature: string;
}

export interface FoundTree {
  readonly files: readonly FoundFile[];
  readonly directories: readonly string[];
}

/** Text that is safe to show: why a directory is not taken. */
export class DirectoryProblem extends Error {}

/** The kubelet swaps the symlink `..data`, git-sync the directory itself: through their targets one version is whole. */
export async function currentVersion(directory: string): Promise<string> {
  const real = await realpath(directory);
  try {
    return await realpath(join(real, '..data'));
  } catch {
    return real;
  }
}

/** Files of resources below; hidden names are passed over. Throws DirectoryProblem, or what the file system says. */
export async function findFiles(top: string): Promise<FoundTree> {
  const files: FoundFile[] = [];
  const directories: string[] = [];
  const walk = async (directory: string, prefix: string, depth: number): Promise<void> => {
    if (depth > directoryLimits.depth) throw new DirectoryProblem('it is nested too deeply');
    directories.push(directory);
    if (directories.length > directoryLimits.directories)
      throw new DirectoryProblem('it has too many directories');
    for (const name of (await readdir(directory)).filter((one) => !one.startsWith('.')).sort()) {
      const absolute = join(directory, name);
      const { ino, size, mtimeMs, ctimeMs, ...stats } = await stat(absolute).then((found) =>
        Object.assign(found, { isDir: found.isDirectory(), isRegular: found.isFile() }),
      );
      if (stats.isDir) await walk(absolute, `${prefix}${name}/`, depth + 1);
      else if (isResourceFile(name)) {
        if (!stats.isRegular) throw new DirectoryProblem(`\`${prefix}${name}\` is no regular file`);
        const signature = `${prefix}${name}/${ino}/${size}/${mtimeMs}/${ctimeMs}`;
        files.push({ path: `${prefix}${name}`, absolute, size, signature });
        if (files.length > directoryLimits.files) throw new DirectoryProblem('it has too many files');
      }
    }
  };
  await walk(top, '', 0);
  return { files, directories };
}

function isResourceFile(name: string): boolean {
  return name.endsWith('.yaml') || name.endsWith('.yml') || name.endsWith('.json');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

export async function readOne({ path, absolute }: FoundFile): Promise<string> {
  await using file = await open(absolute, constants.O_RDONLY | constants.O_NONBLOCK);
  const { size } = await file.stat();
  if (size > directoryLimits.fileBytes)
    throw new DirectoryProblem(`\`${path}\` is larger than ${directoryLimits.fileBytes} bytes`);
  const bytes = await file.readFile();
  try {
    return utf8.decode(bytes);
  } catch {
    throw new DirectoryProblem(`\`${path}\` is not UTF-8`);
  }
}
