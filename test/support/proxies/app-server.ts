import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';

/** A request as the server behind a proxy saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names; lines of one name in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

export interface AppServer extends AsyncDisposable {
  readonly port: number;
  /** Everything that got through, oldest first. */
  readonly seen: SeenRequest[];
}

/** Any HTTP server: says `hello` and remembers what reached it. */
export async function appServer(): Promise<AppServer> {
  const seen: SeenRequest[] = [];
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    seen.push(seenOf(request));
    response.end('hello');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seenOf({ method = '', url = '', rawHeaders }: IncomingMessage): SeenRequest {
  const headers = new Map<string, string[]>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), rawHeaders[i + 1] as string]);
  }
  return { method, path: url, headers };
}

/** Any TCP server: greets whoever gets through and says something. */
export async function greetingServer(): Promise<
  AsyncDisposable & { readonly port: number; readonly met: () => number }
> {
  let met = 0;
  const server = createTcpServer((socket) => {
    met++;
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end('welcome'));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    met: () => met,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

/** A port that is free now, for programs that cannot be told to take any. */
export async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return port;
}
