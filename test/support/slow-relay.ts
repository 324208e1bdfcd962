import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface SlowRelay extends AsyncDisposable {
  /** `host:port` to connect to. */
  readonly target: string;
  /** Bytes that went through, both ways. */
  readonly bytes: () => number;
}

const tickMs = 50;

/** Forwards every connection, in each direction no faster than so many bytes a second: a line of few kilobits. */
export async function slowRelay(to: string, bytesPerSecond: number): Promise<SlowRelay> {
  const [host = '', port = ''] = to.split(':');
  const open = new Set<Socket>();
  let total = 0;
  const server = createServer((near) => {
    const far = createConnection({ host, port: Number(port) });
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      const timer = setInterval(() => {
        const part = from.read(
          Math.min(from.readableLength, (bytesPerSecond * tickMs) / 1_000),
        ) as Buffer | null;
        if (part === null || part.length === 0) return;
        total += part.length;
        into.write(part);
      }, tickMs);
      const end = () => {
        clearInterval(timer);
        near.destroy();
        far.destroy();
        open.delete(from);
      };
      from
        .on('close', end)
        .on('error', end)
        .on('end', end)
        .on('readable', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => total,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
