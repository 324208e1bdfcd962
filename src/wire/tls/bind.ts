import type { AddressInfo, Server } from 'node:net';
import { wireErrors } from '../errors.ts';

/** Listens, or rejects with LISTENER_CANNOT_BIND and the system's reason. */
export function bind(server: Server, at: { host: string; port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      const reason = cause.code ?? 'unknown';
      const message = `cannot listen on \`${at.host}:${at.port}\` (${reason})`;
      reject(wireErrors.LISTENER_CANNOT_BIND({ message, details: { reason }, cause }));
    };
    server.once('error', onError);
    server.listen(at.port, at.host, () => {
      server.removeListener('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });
}
