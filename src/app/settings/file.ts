import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { nodeAt, type PositionedNode, readDocuments } from '../../resources/index.ts';
import { settingsErrors } from './errors.ts';
import type { FieldPath } from './fields.ts';
import type { Layer } from './layers.ts';

/** The settings file as a layer. Refused when others may write it (P13), or when it is more than one document. */
export function readSettingsFile(path: string): Layer {
  const { documents, findings } = readDocuments(readOwnFile(path), { file: path });
  const problem = findings.find(({ severity }) => severity === 'error');
  if (problem !== undefined)
    throw settingsErrors.SETTINGS_FILE_UNREADABLE({
      message: `${path}:${problem.line ?? 1}:${problem.column ?? 1}: ${problem.message}`,
    });
  const [document, ...more] = documents;
  if (more.length > 0)
    throw settingsErrors.SETTINGS_FILE_UNREADABLE({
      message: `${path}: one document, not ${more.length + 1}`,
    });
  const root = document?.root;
  if (root === undefined || isEmpty(root))
    return { tree: {}, base: dirname(path), originOf: () => 'default' };
  if (root.kind !== 'map')
    throw settingsErrors.SETTINGS_FILE_UNREADABLE({ message: `${path}: a map of settings is wanted` });
  return {
    tree: root.toPlain() as Record<string, unknown>,
    base: dirname(path),
    originOf: (at) => originOf(root, at),
  };
}

function isEmpty(root: PositionedNode): boolean {
  return root.kind === 'scalar' && root.value === null;
}

/** The place of the value if it is written in the file. */
function originOf(root: PositionedNode, path: FieldPath): ReturnType<Layer['originOf']> {
  const node = nodeAt(root, path);
  const parent = nodeAt(root, path.slice(0, -1));
  if (path.length > 0 && node === parent) return 'default';
  const key = parent.kind === 'map' ? parent.entry(String(path.at(-1)))?.key : undefined;
  const { file, line } = key ?? node;
  return `file ${file}:${line}`;
}

function readOwnFile(path: string): Uint8Array {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw settingsErrors.SETTINGS_FILE_UNREADABLE({
      message: `the settings file \`${path}\` cannot be read`,
      cause,
    });
  }
  try {
    const problem = findProblem(fstatSync(fd));
    if (problem !== undefined)
      throw settingsErrors.SETTINGS_FILE_UNSAFE({ message: `the settings file \`${path}\` ${problem}` });
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function findProblem(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'is not a plain file';
  if ((stats.mode & 0o002) !== 0) return 'may be written by everybody';
  const self = process.getuid?.();
  return self === undefined || stats.uid === self || stats.uid === 0 ? undefined : 'belongs to another user';
}
