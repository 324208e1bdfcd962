import type { DirectoryFile, DirectoryReading } from '../../operations/policy-directory/index.ts';
import { currentVersion, DirectoryProblem, directoryLimits, findFiles, readOne } from './files.ts';

const tries = 5;

/**
 * One whole version: the same files before and after they were read. A file that cannot be read makes the whole
 * unreadable; only one that is not there is gone.
 */
export async function readPolicyDirectory(directory: string): Promise<DirectoryReading> {
  try {
    for (let attempt = 0; attempt < tries; attempt++) {
      const files = await readVersion(directory).catch((error: unknown) => {
        // It was swapped while it was read.
        if (isMissing(error) && attempt < tries - 1) return undefined;
        throw error;
      });
      if (files === undefined) continue;
      return files.length === 0
        ? { ok: false, reason: 'it holds no file of resources' }
        : { ok: true, files };
    }
    return { ok: false, reason: 'it changes faster than it can be read' };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

/** Undefined when it changed meanwhile. */
async function readVersion(directory: string): Promise<readonly DirectoryFile[] | undefined> {
  const version = await currentVersion(directory);
  const before = await findFiles(version);
  const bytes = before.files.reduce((sum, { size }) => sum + size, 0);
  if (bytes > directoryLimits.totalBytes)
    throw new DirectoryProblem(`it is larger than ${directoryLimits.totalBytes} bytes`);
  const files: DirectoryFile[] = [];
  for (const found of before.files) files.push({ path: found.path, text: await readOne(found) });
  const after = await findFiles(await currentVersion(directory));
  return signatureOf(before.files) === signatureOf(after.files) ? files : undefined;
}

function signatureOf(files: readonly { readonly signature: string }[]): string {
  return files.map(({ signature }) => signature).join('\n');
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function reasonOf(error: unknown): string {
  if (error instanceof DirectoryProblem) return error.message;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'it is not there';
  return `\`${path ?? 'it'}\` cannot be read (${code ?? 'unknown error'})`;
}
