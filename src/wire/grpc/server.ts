import type { Http2Server, ServerOptions } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import type { Logger } from '../../base/logger.ts';
import { installGate } from './gate.ts';
import { defaultGrpcLimits, type GrpcLimits } from './limits.ts';

/** What grpc-js keeps private and we must reach: it offers no option for most limits of HTTP/2. */
interface GrpcInternals {
  commonServerOptions: ServerOptions;
  http2Servers: Map<Http2Server, { readonly sessions: ReadonlySet<unknown> }>;
}

/** A service and what answers it. */
export interface GrpcDoor {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface GrpcServerOptions {
  readonly services: readonly GrpcDoor[];
  readonly logger: Logger;
  readonly limits?: Partial<GrpcLimits>;
}

/** A gRPC server that listens nowhere: listeners of ours hand it sockets. */
export interface GrpcServer {
  readonly limits: GrpcLimits;
  inject(socket: Duplex): void;
  /** HTTP/2 sessions open now. */
  sessions(): number;
  /** Asks every client to go elsewhere, waits for open calls up to `graceMs`, then ends them. */
  drain(graceMs: number): Promise<void>;
}

/** The one way a gRPC server is built here: every limit set, none of the library's open defaults left. */
export function grpcServer(options: GrpcServerOptions): GrpcServer {
  const limits = { ...defaultGrpcLimits, ...options.limits };
  // The library prints metadata it cannot read, which may be a token.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(channelOptions(limits));
  const internals = server as unknown as GrpcInternals;
  if (typeof internals.commonServerOptions !== 'object' || !(internals.http2Servers instanceof Map))
    throw new TypeError('grpc-js no longer keeps its http/2 options as we know it');
  internals.commonServerOptions = { ...internals.commonServerOptions, ...http2Options(limits) };
  const paths = { known: new Set<string>(), unary: new Set<string>() };
  for (const { definition, implementation } of options.services) {
    server.addService(definition, implementation);
    for (const method of Object.values(definition)) {
      paths.known.add(method.path);
      if (!method.requestStream && !method.responseStream) paths.unary.add(method.path);
    }
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const [http2Server] = internals.http2Servers.keys();
  if (http2Server === undefined)
    throw new TypeError('grpc-js no longer makes its http/2 server as we know it');
  const open = new OpenCalls();
  installGate(http2Server, {
    limits,
    logger: options.logger,
    knownPaths: paths.known,
    unaryPaths: paths.unary,
    onUnary: (change) => open.count(change),
  });
  const sockets = new Set<Duplex>();
  return {
    limits,
    inject(socket) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      injector.injectConnection(socket);
    },
    sessions: () => internals.http2Servers.get(http2Server)?.sessions.size ?? 0,
    drain: (graceMs) => drain({ server, sockets, open }, graceMs),
  };
}

function channelOptions(limits: GrpcLimits): ConstructorParameters<typeof Server>[0] {
  return {
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams,
    'grpc-node.max_session_memory': limits.maxSessionMemoryMegabytes,
    'grpc.max_connection_idle_ms': limits.connectionIdleMs,
    'grpc.max_connection_age_ms': limits.connectionAgeMs,
    'grpc.max_connection_age_grace_ms': limits.connectionAgeGraceMs,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  };
}

function http2Options(limits: GrpcLimits): ServerOptions {
  return {
    maxHeaderListPairs: limits.maxHeaderPairs,
    maxSessionMemory: limits.maxSessionMemoryMegabytes,
    maxSessionInvalidFrames: limits.maxInvalidFrames,
    maxSessionRejectedStreams: limits.maxRejectedStreams,
    maxSendHeaderBlockLength: 64 * 1024,
    streamResetBurst: limits.streamResetBurst,
    streamResetRate: limits.streamResetRatePerSecond,
    maxSettings: 16,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderListBytes,
    },
  };
}

/** Calls that answer once and have not yet. */
class OpenCalls {
  #count = 0;
  #onNone: (() => void) | undefined;

  count(change: 1 | -1): void {
    this.#count += change;
    if (this.#count === 0) this.#onNone?.();
  }

  none(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onNone = resolve));
  }
}

interface Draining {
  readonly server: Server;
  readonly sockets: ReadonlySet<Duplex>;
  readonly open: OpenCalls;
}

/** How long streams that were told to end have for their last words; they would never end by themselves. */
const goodbyeMs = 1_000;

/**
 * Calls that answer once are waited for, streams are not. The library counts a session as closed as soon as it was
 * asked to close, so the sockets are ended here: the far end sees a connection that is gone, and no call that failed.
 */
async function drain({ server, sockets, open }: Draining, graceMs: number): Promise<void> {
  const closed = [...sockets].map(
    (socket) =>
      new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve()))),
  );
  const shutDown = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const end = () => {
    for (const socket of sockets) socket.destroy();
  };
  const late = setTimeout(end, graceMs);
  let goodbye: NodeJS.Timeout | undefined;
  void open.none().then(() => (goodbye = setTimeout(end, Math.min(goodbyeMs, graceMs))));
  await Promise.all([...closed, shutDown]);
  clearTimeout(late);
  clearTimeout(goodbye);
}
