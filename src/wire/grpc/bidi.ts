import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { type handleBidiStreamingCall, Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { baseErrors } from '../../base/errors.ts';
import { wireErrors } from '../errors.ts';
import { encodeGrpcError } from './error-codec.ts';

export interface BidiLimits {
  /** A call that is not over by then is ended; without it, a call may last as long as its connection. */
  readonly callMs?: number;
  /** A message that the far end does not take in this time ends its connection (N09). */
  readonly sendMs: number;
}

/** One call that streams both ways. At most one message is on its way out: nothing is queued for a slow reader. */
export interface BidiCall<I extends DescMessage> {
  header(name: string): readonly string[];
  readonly connectionId: string;
  /** Aborts when the client goes away, when the call takes too long, and when the handler has ended. */
  readonly signal: AbortSignal;
  /** Sent when the call ends, well or badly. */
  readonly trailers: Metadata;
  /** The next message; undefined when the client sends no more. What is not asked for is not read from the wire. */
  receive(): Promise<MessageShape<I> | undefined>;
  /** Resolves when the message has left; one at a time. */
  send(bytes: Uint8Array): Promise<void>;
}

export interface BidiOptions<I extends DescMessage> {
  readonly input: I;
  readonly limits: BidiLimits;
  /** Ends the connection of a far end that does not read. */
  readonly drop: (connectionId: string) => void;
  readonly handle: (call: BidiCall<I>) => Promise<void>;
}

const responseMetadata = new Metadata();
responseMetadata.set('grpc-accept-encoding', 'identity');

/** A grpc-js handler around a promise; nothing thrown gets past it. The method must pass its answers on as bytes. */
export function bidi<I extends DescMessage>(
  options: BidiOptions<I>,
): handleBidiStreamingCall<Buffer, Uint8Array> {
  return (stream) => {
    const trailers = new Metadata();
    const aborter = new AbortController();
    const end = (error: Error) => aborter.abort(error);
    stream.on('cancelled', () => end(baseErrors.CANCELLED()));
    // Each failure ends the call below; without a listener it would end the process.
    stream.on('error', () => end(baseErrors.CANCELLED()));
    const { callMs } = options.limits;
    const timer =
      callMs === undefined
        ? undefined
        : setTimeout(() => end(baseErrors.DEADLINE_EXCEEDED()), callMs).unref();
    const call = new Call(stream, options, { signal: aborter.signal, trailers, end });
    stream.sendMetadata(responseMetadata);
    options
      .handle(call)
      .then(
        () => stream.end(trailers),
        (error: unknown) => stream.emit('error', encodeGrpcError(error, trailers)),
      )
      .finally(() => {
        clearTimeout(timer);
        end(baseErrors.CANCELLED());
      });
  };
}

interface CallEnds {
  readonly signal: AbortSignal;
  readonly trailers: Metadata;
  readonly end: (error: Error) => void;
}

class Call<I extends DescMessage> implements BidiCall<I> {
  readonly connectionId: string;
  readonly signal: AbortSignal;
  readonly trailers: Metadata;
  readonly #stream: ServerDuplexStream<Buffer, Uint8Array>;
  readonly #options: BidiOptions<I>;
  readonly #end: (error: Error) => void;

  constructor(stream: ServerDuplexStream<Buffer, Uint8Array>, options: BidiOptions<I>, ends: CallEnds) {
    this.connectionId = stream.getPeer();
    this.signal = ends.signal;
    this.trailers = ends.trailers;
    this.#end = ends.end;
    this.#stream = stream;
    this.#options = options;
  }

  header(name: string): readonly string[] {
    return this.#stream.metadata.get(name).filter((value) => typeof value === 'string');
  }

  async receive(): Promise<MessageShape<I> | undefined> {
    const stream = this.#stream;
    for (;;) {
      this.signal.throwIfAborted();
      const bytes = stream.read() as Buffer | null;
      if (bytes !== null) return decode(this.#options.input, bytes);
      if (stream.readableEnded) return undefined;
      await this.#until(['readable', 'end']);
    }
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    const { limits, drop } = this.#options;
    const timer = setTimeout(() => {
      this.#end(wireErrors.READER_STALLED());
      drop(this.connectionId);
    }, limits.sendMs).unref();
    let onAbort = () => undefined as void;
    try {
      await new Promise<void>((resolve, reject) => {
        onAbort = () => reject(this.signal.reason as Error);
        this.signal.addEventListener('abort', onAbort, { once: true });
        this.#stream.write(bytes, (error?: Error | null) => (error ? reject(error) : resolve()));
      });
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves at the first of the events, rejects when the call is over. */
  #until(events: readonly ('readable' | 'end')[]): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        for (const event of events) stream.off(event, onEvent);
        this.signal.removeEventListener('abort', onAbort);
        then();
      };
      const onEvent = () => settle(resolve);
      const onAbort = () => settle(() => reject(this.signal.reason as Error));
      for (const event of events) stream.on(event, onEvent);
      this.signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function decode<I extends DescMessage>(schema: I, bytes: Uint8Array): MessageShape<I> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw wireErrors.MESSAGE_MALFORMED({ cause });
  }
}
