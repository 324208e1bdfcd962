import type { Logger } from '../../base/logger.ts';
import type { CheckRequest } from '../../operations/check-request/index.ts';
import { ConnectionTable } from '../../wire/grpc/connections.ts';
import type { GrpcLimits } from '../../wire/grpc/limits.ts';
import { type GrpcDoor, grpcServer } from '../../wire/grpc/server.ts';
import { listenTls, type PeerVerdict, type ServingCredentials } from '../../wire/tls/listener.ts';
import { listenPlaintext } from '../../wire/tls/plaintext-listener.ts';
import { listenUnix } from '../../wire/tls/unix-listener.ts';
import { extAuthzDoor } from './door.ts';

/** Where proxies reach the door: without TLS only on this host. */
export type ExtAuthzAddress =
  | { readonly kind: 'plaintext'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'tls';
      readonly host: string;
      readonly port: number;
      readonly credentials: ServingCredentials;
      readonly validatePeer: (chain: readonly Uint8Array[]) => PeerVerdict;
    };

export interface ExtAuthzServerOptions {
  readonly address: ExtAuthzAddress;
  /** The name under which bindings know this listener. */
  readonly name: string;
  readonly checks: Pick<CheckRequest, 'check'>;
  readonly logger: Logger;
  readonly limits?: Partial<GrpcLimits>;
  /** Further services on the same listener, e.g. health. */
  readonly alsoServes?: readonly GrpcDoor[];
}

export interface ExtAuthzServer extends AsyncDisposable {
  /** `host:port`, or `unix:path`. */
  readonly address: string;
  readonly port: number;
  readonly connections: ConnectionTable;
  setCredentials(credentials: ServingCredentials): void;
  close(graceMs: number): Promise<void>;
}

/** A proxy keeps one connection and many streams; a body may come along (Z31: a megabyte of headers does not). */
const limitsOfDoor: Partial<GrpcLimits> = {
  maxMessageBytes: 512 * 1024,
  maxConcurrentStreams: 1_000,
  maxSessionMemoryMegabytes: 64,
};

/** The gRPC door for proxies, listening. */
export async function extAuthzServer(options: ExtAuthzServerOptions): Promise<ExtAuthzServer> {
  const { address, name, checks, logger } = options;
  const connections = new ConnectionTable();
  const server = grpcServer({
    services: [extAuthzDoor({ checks, connections, listener: name }), ...(options.alsoServes ?? [])],
    logger,
    limits: { ...limitsOfDoor, ...options.limits },
  });
  const onConnection = (
    socket: Parameters<typeof server.inject>[0],
    facts: Parameters<typeof connections.add>[1],
  ) => {
    connections.add(socket, facts);
    server.inject(socket);
  };
  const listener = await listen(address, { onConnection, logger });
  const close = async (graceMs: number) => {
    listener.close();
    await server.drain(graceMs);
  };
  return {
    address: address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${listener.port}`,
    port: listener.port,
    connections,
    setCredentials: (fresh) => listener.setCredentials(fresh),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

interface Listening {
  readonly port: number;
  close(): void;
  setCredentials(credentials: ServingCredentials): void;
}

async function listen(
  address: ExtAuthzAddress,
  common: Pick<Parameters<typeof listenPlaintext>[0], 'onConnection' | 'logger'>,
): Promise<Listening> {
  const nothing = () => undefined;
  switch (address.kind) {
    case 'unix': {
      const socket = await listenUnix({ ...address, ...common });
      return { port: 0, close: () => socket.close(), setCredentials: nothing };
    }
    case 'plaintext': {
      const plain = await listenPlaintext({ ...address, ...common });
      return { port: plain.port, close: () => plain.close(), setCredentials: nothing };
    }
    case 'tls':
      return await listenTls({ ...address, ...common });
  }
}
