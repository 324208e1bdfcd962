import { constants } from 'node:crypto';
import { createServer } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { Logger } from '../../base/logger.ts';
import type { ConnectionFacts, ConnectionPeer } from '../grpc/connections.ts';
import { Admission, type AdmissionLimits, defaultAdmissionLimits } from './admission.ts';
import { bind } from './bind.ts';
import { tlsCiphers } from './ciphers.ts';
import { isLoopback, plainAddress } from './loopback.ts';
import { presentedChain } from './peer-chain.ts';

/** What a TLS listener shows: chain (leaf first) and private key, both PEM. The key lives in memory only. */
export interface ServingCredentials {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

export type PeerVerdict =
  | { readonly ok: true; readonly peer: ConnectionPeer }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

export interface TlsListenerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly credentials: ServingCredentials;
  /** Judges a presented certificate against the bundle as it is now; an unacceptable one ends the connection (D12). */
  readonly validatePeer: (chain: readonly Uint8Array[]) => PeerVerdict;
  readonly onConnection: (socket: TLSSocket, facts: ConnectionFacts) => void;
  readonly logger: Logger;
  readonly admission?: Partial<AdmissionLimits>;
  readonly handshakeTimeoutMs?: number;
}

export interface TlsListener {
  readonly host: string;
  readonly port: number;
  /** Raw connections open now, handshakes included. */
  connections(): number;
  /** New handshakes use these; open connections keep theirs (N15). */
  setCredentials(credentials: ServingCredentials): void;
  /** Stops accepting; open connections stay. */
  close(): void;
}

const secureContext = (credentials: ServingCredentials) => ({
  cert: credentials.chainPem,
  key: credentials.privateKeyPem,
  // No roots: OpenSSL's own opinion of a client certificate is never asked.
  ca: [],
  ciphers: tlsCiphers,
  minVersion: 'TLSv1.2' as const,
  honorCipherOrder: true,
  // M14: no tickets, so that a resumed session cannot outlive a bundle change. N12: no renegotiation.
  secureOptions:
    constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION,
});

/** TLS with ALPN h2 and optional client certificates, judged by our own path validator. */
export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const tls = createTlsServer({
    ...secureContext(options.credentials),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    handshakeTimeout: options.handshakeTimeoutMs ?? 5_000,
  });
  tls.on('tlsClientError', (error, socket) => {
    options.logger.debug('TLS handshake failed', { error: String(error) });
    // Node reports a handshake that took too long but leaves its socket open; a later turn lets the alert out.
    setImmediate(() => socket.destroy());
  });
  tls.on('secureConnection', (socket) => receive(socket, options));
  const admission = new Admission({ ...defaultAdmissionLimits, ...options.admission });
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    if (admission.admit(socket)) tls.emit('connection', socket);
  });
  server.on('error', (error) => options.logger.error('listener error', { error: String(error) }));
  const { port } = await bind(server, options);
  return {
    host: options.host,
    port,
    connections: () => admission.open,
    setCredentials: (credentials) => tls.setSecureContext(secureContext(credentials)),
    close: () => void server.close(),
  };
}

/** After the handshake: no call can arrive before the peer's certificate has been judged. */
function receive(socket: TLSSocket, options: TlsListenerOptions): void {
  socket.on('error', (error) => options.logger.debug('TLS connection error', { error: String(error) }));
  try {
    const facts = judge(socket, options);
    if (facts === undefined) socket.destroy();
    else options.onConnection(socket, facts);
  } catch (error) {
    options.logger.error('a connection could not be taken', { error: String(error) });
    socket.destroy();
  }
}

function judge(socket: TLSSocket, options: TlsListenerOptions): ConnectionFacts | undefined {
  if (socket.remoteAddress === undefined) return undefined;
  const peerAddress = plainAddress(socket.remoteAddress);
  const refuse = (reason: string, detail: string) => {
    options.logger.warn('connection refused', { reason, detail, peerAddress });
    return undefined;
  };
  if (socket.alpnProtocol !== 'h2') return refuse('alpn', 'the client did not offer h2');
  if (socket.isSessionReused()) return refuse('resumed', 'resumed sessions are not accepted here');
  const facts = { kind: 'tls' as const, peerAddress, peerIsLoopback: isLoopback(peerAddress) };
  const chain = presentedChain(socket);
  if (chain === undefined) return facts;
  const verdict = options.validatePeer(chain);
  return verdict.ok ? { ...facts, peer: verdict.peer } : refuse(verdict.reason, verdict.detail);
}
