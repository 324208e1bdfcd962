import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { Logger } from '../../base/logger.ts';
import { FloodWatch } from './flood-watch.ts';
import { forgetStream } from './forget.ts';
import type { GrpcLimits } from './limits.ts';

type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

/** Headers of which each line is evidence: Node folds repeated lines or keeps the first, and we must see all. */
const evidenceHeaders = ['authorization', 'clusterid', 'x-forwarded-client-cert', 'idempotency-key'] as const;

export interface GateOptions {
  readonly limits: GrpcLimits;
  readonly logger: Logger;
  /** Paths of the methods that answer once: they get a deadline even when the client set none (N10). */
  readonly unaryPaths: ReadonlySet<string>;
  readonly knownPaths: ReadonlySet<string>;
  /** Told of each call that answers once, and of its end. */
  readonly onUnary: (change: 1 | -1) => void;
}

/**
 * Stands between nghttp2 and grpc-js: sees every stream before the library does, refuses what the library would
 * mishandle, and makes sure that no throw of either ends the process.
 */
export function installGate(server: Http2Server, options: GateOptions): void {
  const inner = server.listeners('stream') as StreamListener[];
  if (inner.length !== 1) throw new TypeError('grpc-js no longer listens for streams as we know it');
  server.removeAllListeners('stream');
  const watch = new FloodWatch(options.limits, options.logger);
  const { limits, unaryPaths, onUnary } = options;
  const [handle] = inner as [StreamListener];
  const listener: StreamListener = (stream, headers, flags, rawHeaders) => {
    // Without a listener an error of the stream would be an uncaught exception.
    stream.on('error', ignore);
    // The stream forgets its session as it closes.
    const { session } = stream as { session?: ServerHttp2Session };
    watch.opened(session);
    let isUnary = false;
    let timer: NodeJS.Timeout | undefined;
    // Before anything can fail, so that no stream stays counted that is gone.
    stream.once('close', () => {
      watch.closed(session);
      clearTimeout(timer);
      if (isUnary) onUnary(-1);
      forgetStream(stream);
    });
    try {
      const isAdmitted = admit(stream, headers, rawHeaders, options);
      isUnary = isAdmitted && unaryPaths.has(headers[':path'] ?? '');
      if (isUnary || !isAdmitted) timer = endWhenLate(stream, limits.unaryDeadlineMs);
      if (isUnary) onUnary(1);
      if (isAdmitted) handle(stream, headers, flags, rawHeaders);
    } catch (error) {
      options.logger.error('a stream could not be handled', { error: String(error) });
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  };
  server.on('stream', listener as (...args: unknown[]) => void);
  server.on('session', (session) => watch.add(session));
}

function admit(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  options: GateOptions,
): boolean {
  const { limits } = options;
  const path = headers[':path'] ?? '';
  if (headerListBytes(rawHeaders) > limits.maxHeaderListBytes) {
    // nghttp2 holds a peer to our setting only once the peer has acknowledged it.
    return refuse(stream, status.RESOURCE_EXHAUSTED, 'the header list is too large');
  }
  if (headers[':method'] !== 'POST' || !options.knownPaths.has(path))
    return refuse(stream, status.UNIMPLEMENTED, 'the server does not implement this method');
  const encoding = headers['grpc-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    // N08: compression is off, so that no message can be larger than it looks.
    return refuse(stream, status.UNIMPLEMENTED, 'compressed messages are not supported; send identity');
  }
  restoreRepeatedHeaders(headers, rawHeaders);
  return true;
}

/** RFC 9113 §6.5.2: names, values and 32 bytes for each. */
function headerListBytes(rawHeaders: readonly string[]): number {
  let bytes = rawHeaders.length * 16;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function refuse(stream: ServerHttp2Stream, code: status, message: string): false {
  answer(stream, code, message);
  // What the client still sends is thrown away unread.
  stream.resume();
  return false;
}

function answer(stream: ServerHttp2Stream, code: status, message: string): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': encodeURI(message),
      'grpc-accept-encoding': 'identity',
    },
    { endStream: true },
  );
}

function endWhenLate(stream: ServerHttp2Stream, deadlineMs: number): NodeJS.Timeout {
  return setTimeout(() => {
    if (stream.headersSent) stream.close(constants.NGHTTP2_CANCEL);
    else answer(stream, status.DEADLINE_EXCEEDED, 'the deadline passed before the work was done');
  }, deadlineMs).unref();
}

function ignore(): void {}

/** Puts back each line of the evidence headers that came more than once, as an array. */
function restoreRepeatedHeaders(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
  let seen = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if ((evidenceHeaders as readonly string[]).includes(rawHeaders[i] as string)) seen++;
  if (seen <= 1) return;
  for (const name of evidenceHeaders) {
    const values: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2)
      if (rawHeaders[i] === name) values.push(rawHeaders[i + 1] ?? '');
    if (values.length > 1) (headers as Record<string, string | string[]>)[name] = values;
  }
}
