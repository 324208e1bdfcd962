import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { WorkloadPeer } from '../../agent/index.ts';
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
  /** Who connected; a connection of which it knows nothing is closed. Left out: nobody asks. */
  readonly processOf?: (socket: Socket) => WorkloadPeer | undefined;
  /** Connections open at once. */
  readonly maxConnections?: number;
}

export interface UnixListener {
  readonly path: string;
  /** The file of the socket. */
  readonly inode: bigint;
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
    take(socket, options);
  });
  server.on('error', (error) => logger.error('listener error', { error: String(error) }));
  server.maxConnections = options.maxConnections ?? defaultAdmissionLimits.maxConnections;
  const inode = await bindAt(server, path, mode);
  const close = () => {
    server.close();
    if (inodeAt(path) === inode) unlinkSync(path);
  };
  return { path, inode, connections: () => open, close };
}

/**
 * Binds under a name of its own, and gives the socket its mode and its place in one step. So nobody meets it with
 * another mode, and when it is closed the system removes that name, never what somebody else put in the place.
 */
async function bindAt(server: Server, path: string, mode: number): Promise<bigint> {
  const draft = join(dirname(path), `.${randomBytes(3).toString('hex')}`);
  const at = Buffer.byteLength(draft) > longestPath ? path : draft;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotBind(path, cause.code ?? 'unknown')));
    server.listen(at, resolve);
  });
  chmodSync(at, mode);
  if (at !== path) renameSync(at, path);
  return inodeAt(path) ?? -1n;
}

/** The file there, by number; undefined when there is none. */
export function inodeAt(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function take(socket: Socket, { onConnection, processOf, logger }: UnixListenerOptions): void {
  const facts: ConnectionFacts = { kind: 'unix', peerAddress: '', peerIsLoopback: true };
  if (processOf === undefined) {
    onConnection(socket, facts);
    return;
  }
  const process = processOf(socket);
  if (process === undefined) {
    logger.warn('connection refused: the kernel does not say which process it is from');
    socket.destroy();
  } else onConnection(socket, { ...facts, process });
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
