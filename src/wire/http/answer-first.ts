import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { useAllHeaders } from './lean-message.ts';

type Listener = (message: IncomingMessage, response: ServerResponse) => void;

/**
 * Handles requests before the framework sees them, for those that every request of a mesh waits for: routing, hooks and
 * replies cost more than a decision. `first` returns false for what it leaves to the framework. Once the server is to
 * close, everything is left to it, for it refuses.
 */
export function answerFirst(
  server: FastifyInstance,
  first: (message: IncomingMessage, response: ServerResponse) => boolean,
): void {
  const node = server.server;
  const [handle, ...others] = node.listeners('request') as Listener[];
  if (handle === undefined || others.length > 0)
    throw new TypeError('fastify no longer listens for requests as we know it');
  let isClosing = false;
  server.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  node.removeAllListeners('request');
  node.on('request', (message: IncomingMessage, response: ServerResponse) => {
    if (!isClosing && first(message, response)) return;
    useAllHeaders(message);
    handle(message, response);
  });
}
