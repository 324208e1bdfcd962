import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { cliErrors } from './errors.ts';
import type { Io } from './io.ts';

/** The bytes of a file, or of standard input for `-`. */
export async function readInput(io: Io, path: string): Promise<Uint8Array> {
  if (path === '-') return io.readStdin();
  try {
    return readFileSync(resolve(io.cwd, path));
  } catch (cause) {
    throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` cannot be read`, cause });
  }
}

export async function readInputText(io: Io, path: string): Promise<string> {
  return new TextDecoder().decode(await readInput(io, path));
}

export interface OutputFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

/**
 * Writes the files into the directory: all of them whole beside their names first, synced, then renamed into place in
 * the order given. A reader sees an old file or a new one, never a part.
 */
export function writeFiles(directory: string, files: readonly OutputFile[]): void {
  const drafts: string[] = [];
  try {
    makeDirectory(resolve(directory));
    for (const file of files) {
      const draft = join(directory, `.${file.name}.${process.pid}.new`);
      rmSync(draft, { force: true });
      const fd = openSync(draft, 'wx', file.mode);
      drafts.push(draft);
      try {
        writeWhole(fd, file.content);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
    for (const [i, file] of files.entries()) renameSync(drafts[i] ?? '', join(directory, file.name));
  } catch (cause) {
    for (const draft of drafts) rmSync(draft, { force: true });
    throw cliErrors.OUTPUT_UNWRITABLE({ message: `cannot write into \`${directory}\``, cause });
  }
}

/** With its parents. Node's own recursive way never ends where the system says that a parent is there and is not (/proc). */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) makeDirectory(parent);
  try {
    mkdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

export function writeOne(path: string, content: string | Uint8Array, mode: number): void {
  writeFiles(dirname(path), [{ name: basename(path), content, mode }]);
}

function writeWhole(fd: number, content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
