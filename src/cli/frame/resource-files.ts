import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { joinResults, type ParseResult, parseResources } from '../../resources/index.ts';
import { cliErrors } from './errors.ts';
import { readInput } from './files.ts';
import type { Io } from './io.ts';

/** Directories within each other, and files in all: a wrong path must not read a whole disk. */
const deepest = 16;
const mostFiles = 10_000;
const endings = /\.(ya?ml|json|jsonl|ndjson)$/i;

export interface ResourceFiles {
  readonly result: ParseResult;
  /** The text of each file by the name that findings carry; standard input is `-`. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * Reads resources from files, directories (every YAML and JSON file below) and standard input (`-`), in the order given
 * and by name. What a text says wrong is a finding; a file that cannot be read is an error.
 */
export async function readResourceFiles(
  io: Io,
  paths: readonly string[],
  options: { readonly defaultNamespace?: string } = {},
): Promise<ResourceFiles> {
  const results: ParseResult[] = [];
  const texts = new Map<string, string>();
  const names = new Set(paths.flatMap((path) => (path === '-' ? ['-'] : listFiles(io, path, 0))));
  if (names.size > mostFiles)
    throw cliErrors.INPUT_UNREADABLE({ message: `more than ${mostFiles} files to read` });
  for (const name of names) {
    const bytes = await readInput(io, name);
    const result = parseResources(bytes, { file: name, ...options });
    results.push(result);
    const [source] = result.sources;
    if (source !== undefined) texts.set(name, source.text);
  }
  return { result: joinResults(results), texts };
}

function listFiles(io: Io, path: string, depth: number): readonly string[] {
  if (!isDirectory(io, path)) return [path];
  if (depth === deepest) throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` lies too deep` });
  const entries = readNames(io, path).filter((name) => !name.startsWith('.'));
  return entries.sort().flatMap((name) => {
    const below = join(path, name);
    if (isDirectory(io, below)) return listFiles(io, below, depth + 1);
    return endings.test(name) ? [below] : [];
  });
}

function isDirectory(io: Io, path: string): boolean {
  try {
    return statSync(resolve(io.cwd, path)).isDirectory();
  } catch (cause) {
    throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` cannot be read`, cause });
  }
}

function readNames(io: Io, path: string): string[] {
  try {
    return readdirSync(resolve(io.cwd, path));
  } catch (cause) {
    throw cliErrors.INPUT_UNREADABLE({ message: `\`${path}\` cannot be read`, cause });
  }
}
