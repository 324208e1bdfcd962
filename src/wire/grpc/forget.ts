import type { ServerHttp2Stream } from 'node:http2';
import type { ServerUnaryCall } from '@grpc/grpc-js';

/*
 * Every writable stream of Node keeps a function that it assigns to a property of its state, and V8 allocates such
 * functions among the old objects. What they reach survives every young collection: a stream and a call that have
 * ended, and all that they refer to, would stay until the next full one, and bring it on. So what has ended lets go.
 */

/** For a stream that has closed and a library that has heard of it. */
export function forgetStream(stream: ServerHttp2Stream): void {
  stream.removeAllListeners();
  // Without a listener an error that comes late would be an uncaught exception.
  stream.on('error', ignore);
}

/** For a call whose answer the library has: the call itself is asked nothing any more. */
export function forgetCall<I, O>(call: ServerUnaryCall<I, O>): void {
  call.removeAllListeners();
  const ended = call as unknown as Record<'call' | 'metadata' | 'request', unknown>;
  ended.call = undefined;
  ended.metadata = undefined;
  ended.request = undefined;
}

function ignore(): void {}
