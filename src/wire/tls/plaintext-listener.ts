import { createServer, type Socket } from 'node:net';
import type { Logger } from '../../base/logger.ts';
import { wireErrors } from '../errors.ts';
import type { ConnectionFacts } from '../grpc/connections.ts';
import { Admission, type AdmissionLimits, defaultAdmissionLimits } from './admission.ts';
import { bind } from './bind.ts';
import { isLoopback, plainAddress } from './loopback.ts';

export interface PlaintextListenerOptions {
  /** A numeric loopback address; anything else is refused. */
  readonly host: string;
  readonly port: number;
  readonly onConnection: (socket: Socket, facts: ConnectionFacts) => void;
  readonly logger: Logger;
  readonly admission?: Partial<AdmissionLimits>;
}

export interface PlaintextListener {
  readonly host: string;
  readonly port: number;
  connections(): number;
  close(): void;
}

/** HTTP/2 without TLS, for a sidecar on the same host that was told to speak so. Off unless switched on. */
export async function listenPlaintext(options: PlaintextListenerOptions): Promise<PlaintextListener> {
  if (!isLoopback(options.host))
    throw wireErrors.LISTENER_NOT_LOOPBACK({
      message: `a plaintext listener may not be bound to \`${options.host}\`, which is not a loopback address`,
    });
  const admission = new Admission({ ...defaultAdmissionLimits, ...options.admission });
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    if (!admission.admit(socket)) return;
    const peerAddress = plainAddress(socket.remoteAddress ?? '');
    options.onConnection(socket, { kind: 'plaintext', peerAddress, peerIsLoopback: isLoopback(peerAddress) });
  });
  server.on('error', (error) => options.logger.error('listener error', { error: String(error) }));
  const { port } = await bind(server, options);
  return { host: options.host, port, connections: () => admission.open, close: () => void server.close() };
}
