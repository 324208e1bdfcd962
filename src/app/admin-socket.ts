import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { appErrors } from './errors.ts';

/** sockaddr_un holds 108 bytes, one of them the end (D26). */
const longestPath = 107;

/** Listens on a Unix socket of mode 0600 in a directory of mode 0700. A socket that a dead server left is removed. */
export async function listenOnSocket(server: FastifyInstance, path: string): Promise<void> {
  if (Buffer.byteLength(path) > longestPath)
    throw appErrors.SOCKET_PATH_TOO_LONG({
      message: `the socket path \`${path}\` is longer than ${longestPath} bytes`,
    });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  removeStale(path);
  const before = process.umask(0o177);
  try {
    await server.listen({ path });
  } finally {
    process.umask(before);
  }
  chmodSync(path, 0o600);
}

/** Nobody can be behind it: the lock of the state directory is ours. */
function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket() || (process.getuid !== undefined && found.uid !== process.getuid()))
    throw appErrors.SOCKET_IN_THE_WAY({ message: `\`${path}\` is not a socket of this user` });
  unlinkSync(path);
}
