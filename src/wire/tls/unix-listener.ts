import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import type { Logger } from '../../base/logger.ts';
import { wireErrors } from '../errors.ts';
import type { ConnectionFacts } from '../grpc/connections.ts';
import { defaultAdmissionLimits } from './admission.ts';

export interface UnixListenerOptions {
  readonly path: string;
  /** Permissions of the socket file. */
  readonly mode: number;
  readonly onConnection: (socket: Socket, facts: ConnectionFacts) => void;
  readonly logger: Logger;
  /** Connections open at once. */
  readonly maxConnections?: number;
}

export interface UnixListener {
  readonly path: string;
  connections(): number;
  close(): void;
}

/** The kernel's limit is 108 bytes with the final zero. */
const longestPath = 107;

/** HTTP/2 over a Unix socket: who may reach it is a matter of the file's directory and mode. */
export async function listenUnix(options: UnixListenerOptions): Promise<UnixListener> {
  const { path, mode, logger } = options;
  if (Buffer.byteLength(path) > longestPath)
    throw cannotBind(path, `the path is longer than ${longestPath} bytes`);
  await removeStale(path);
  let open = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    open++;
    socket.once('close', () => open--);
    options.onConnection(socket, { kind: 'unix', peerAddress: '', peerIsLoopback: true });
  });
  server.on('error', (error) => logger.error('listener error', { error: String(error) }));
  server.maxConnections = options.maxConnections ?? defaultAdmissionLimits.maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotBind(path, cause.code ?? 'unknown')));
    server.listen(path, resolve);
  });
  chmodSync(path, mode);
  return { path, connections: () => open, close: () => void server.close() };
}

function cannotBind(path: string, reason: string): Error {
  return wireErrors.LISTENER_CANNOT_BIND({
    message: `cannot listen on \`unix:${path}\` (${reason})`,
    details: { reason },
  });
}

/** N11: a socket that nobody answers is ours to replace; anything else at the path is not. */
async function removeStale(path: string): Promise<void> {
  try {
    if (!lstatSync(path).isSocket()) throw cannotBind(path, 'something that is no socket is there');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (isAlive) throw cannotBind(path, 'another process listens there');
  unlinkSync(path);
}
