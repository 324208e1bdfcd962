import { constants } from 'node:crypto';
import { Agent } from 'node:https';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { SpiffeId } from '../spiffe/index.ts';
import { formatCertificatePem } from '../x509/index.ts';
import { type Authorize, judgeCertificate, judgeSocket } from './judge-peer.ts';
import type { X509Source } from './x509-source.ts';

export interface MtlsOptions {
  readonly authorize: Authorize;
  readonly alpnProtocols?: readonly string[];
}

export interface MtlsServerOptions extends MtlsOptions {
  /** Told why a connection was ended. */
  readonly onRefused?: (error: Error, socket: TLSSocket) => void;
}

/** Key, chain and roots as they are now, for `tls.createSecureContext`. Throws as `source.svid()` does. */
export function secureContextOptions(source: X509Source): SecureContextOptions {
  const { chain, privateKey } = source.svid();
  const roots = [...source.context().bundles.values()].flat();
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: chain.map(({ der }) => formatCertificatePem(der)).join(''),
    ca: roots.map(({ der }) => formatCertificatePem(der)),
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    // A resumed session would skip the peer's certificate and outlive a change of the bundle.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** A context with what is current; made anew after each change and shared until then. */
export class CurrentContext {
  readonly #source: X509Source;
  readonly #subscription: Disposable;
  #context: SecureContext | undefined;

  constructor(source: X509Source) {
    this.#source = source;
    this.#subscription = source.onUpdate(() => {
      this.#context = undefined;
    });
  }

  get(): SecureContext {
    return (this.#context ??= createSecureContext(secureContextOptions(this.#source)));
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}

/**
 * A TLS server that shows the current SVID and hands over only sockets whose peer was judged and let in. A rotation is
 * in force with the next handshake; open connections go on. For HTTP: `(socket) => http.emit('connection', socket)`.
 */
export function createMtlsServer(
  source: X509Source,
  options: MtlsServerOptions,
  onConnection: (socket: TLSSocket, peer: SpiffeId) => void,
): Server {
  const question = { source, purpose: 'client' as const, authorize: options.authorize };
  const server = createServer({
    ...secureContextOptions(source),
    requestCert: true,
    // Our own validator decides below: OpenSSL knows no trust domains.
    rejectUnauthorized: false,
    ...(options.alpnProtocols === undefined ? {} : { ALPNProtocols: [...options.alpnProtocols] }),
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    let peer: SpiffeId;
    try {
      peer = judgeSocket(socket, question);
    } catch (error) {
      options.onRefused?.(error as Error, socket);
      socket.destroy();
      return;
    }
    onConnection(socket, peer);
  });
  const subscription = source.onUpdate(() => server.setSecureContext(currentOrNothing(source)));
  server.on('close', () => subscription[Symbol.dispose]());
  return server;
}

/** After a withdrawal there is nothing to show, so no handshake ends well. */
function currentOrNothing(source: X509Source): SecureContextOptions {
  try {
    return secureContextOptions(source);
  } catch {
    return {};
  }
}

/**
 * Options for `tls.connect`: the current SVID, and a server that was judged by the bundle of its own trust domain and
 * is let in. Ask for them anew with every connection. Host names are not looked at: identity is the SPIFFE ID.
 */
export function connectOptions(source: X509Source, options: MtlsOptions): ConnectionOptions {
  return contextOptions(source, createSecureContext(secureContextOptions(source)), options);
}

function contextOptions(
  source: X509Source,
  secureContext: SecureContext,
  { authorize, alpnProtocols }: MtlsOptions,
): ConnectionOptions {
  return {
    secureContext,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => {
      try {
        judgeCertificate(certificate, { source, purpose: 'server', authorize });
        return undefined;
      } catch (error) {
        return error as Error;
      }
    },
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
  };
}

/** An agent for `https.request` and clients that take one: each new connection shows the SVID of that moment. */
export class MtlsAgent extends Agent implements Disposable {
  readonly #source: X509Source;
  readonly #options: MtlsOptions;
  readonly #context: CurrentContext;

  constructor(source: X509Source, options: MtlsOptions) {
    // Cached sessions would skip the judge.
    super({ keepAlive: true, maxCachedSessions: 0 });
    this.#source = source;
    this.#options = options;
    this.#context = new CurrentContext(source);
  }

  override createConnection(options: object): TLSSocket {
    const { session: _resumed, ...rest } = options as ConnectionOptions;
    return connect({ ...rest, ...contextOptions(this.#source, this.#context.get(), this.#options) });
  }

  [Symbol.dispose](): void {
    this.#context[Symbol.dispose]();
    this.destroy();
  }
}
