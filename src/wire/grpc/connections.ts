import type { WorkloadPeer } from '../../agent/index.ts';
import type { SpiffeId } from '../../spiffe/index.ts';

/** The certificate a peer presented in its TLS session, already accepted by our path validator. */
export interface ConnectionPeer {
  readonly spiffeId: SpiffeId;
  /** Lower-case hex. */
  readonly serial: string;
  /** Of the authorities above it, up to the root. */
  readonly issuerSerials: readonly string[];
  /** Wall time in milliseconds after which the certificate proves nothing. */
  readonly notAfter: number;
  /** DER, leaf first, as presented. */
  readonly chain: readonly Uint8Array[];
}

/** What is known about a connection before its first call. */
export interface ConnectionFacts {
  readonly kind: 'tls' | 'plaintext' | 'unix';
  readonly peerAddress: string;
  readonly peerIsLoopback: boolean;
  readonly peer?: ConnectionPeer;
  /** The process at the other end, on sockets that ask the kernel for it. */
  readonly process?: WorkloadPeer;
}

export interface Connection extends ConnectionFacts {
  readonly id: string;
}

interface NamedSocket {
  destroy(): void;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * The connections of one gRPC server. grpc-js offers a handler nothing of the socket but its `remoteAddress`
 * (`call.getPeer()`), so each socket gets a name of ours as an own property and this table finds the facts by it.
 * A name that is not in the table has no facts: callers fail closed.
 */
export class ConnectionTable {
  readonly #open = new Map<string, { readonly connection: Connection; readonly socket: NamedSocket }>();
  #count = 0;
  #mayCall: (connection: Connection) => boolean = () => true;

  get size(): number {
    return this.#open.size;
  }

  /** Names the socket, keeps its facts until it closes. */
  add(socket: NamedSocket, facts: ConnectionFacts): Connection {
    const id = `connection-${++this.#count}`;
    const connection = Object.freeze({ ...facts, id });
    Object.defineProperty(socket, 'remoteAddress', { value: id });
    Object.defineProperty(socket, 'remotePort', { value: undefined });
    this.#open.set(id, { connection, socket });
    socket.once('close', () => this.#open.delete(id));
    return connection;
  }

  /** Facts for a call; none, and the connection ends, when it may not call any more. */
  find(id: string): Connection | undefined {
    const found = this.#open.get(id);
    if (found === undefined || this.#mayCall(found.connection)) return found?.connection;
    found.socket.destroy();
    return undefined;
  }

  /** Asked before each call: for who judges connections anew and has not come to all of them yet. */
  askBeforeCalls(mayCall: (connection: Connection) => boolean): void {
    this.#mayCall = mayCall;
  }

  list(): readonly Connection[] {
    return Array.from(this.#open.values(), ({ connection }) => connection);
  }

  close(id: string): void {
    this.#open.get(id)?.socket.destroy();
  }

  /** Closes every connection whose facts are no longer acceptable, e.g. after a bundle change; returns how many. */
  closeWhere(isUnacceptable: (connection: Connection) => boolean): number {
    let closed = 0;
    for (const { connection, socket } of this.#open.values()) {
      if (!isUnacceptable(connection)) continue;
      socket.destroy();
      closed++;
    }
    return closed;
  }
}
