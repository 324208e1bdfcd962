import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  type ServerDuplexStream,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import { baseErrors } from '../../base/errors.ts';
import { encodeGrpcError } from './error-codec.ts';

/** One stream as a door sees it. */
export interface StreamCall {
  /** Each value of a request header, in order, lower-case name. */
  header(name: string): readonly string[];
  /** The name of the connection, for `ConnectionTable.find`. */
  readonly connectionId: string;
  /** Aborts when the client goes away or the stream ends. */
  readonly signal: AbortSignal;
  /** Sent with the status. */
  readonly trailers: Metadata;
  /** There may be something to say: the feed is asked as soon as the client has taken what was said before. */
  wake(): void;
}

/** What a stream says. It is asked only when the client can take more, so what waits is never more than the newest. */
export interface Feed extends Disposable {
  /** An encoded message, or undefined when there is nothing to say now. What it throws ends the stream. */
  next(): Uint8Array | undefined;
}

/** A feed that listens too. What `receive` throws ends the stream. */
export interface Conversation extends Feed {
  receive(message: Buffer): void;
}

export interface PushOptions {
  readonly clock: Clock;
  /** A client that does not take a message for so long is gone (N09). */
  readonly stallMs: number;
  /** Ends the connection of a client that does not read: an answer would wait behind what it does not take. */
  readonly onStall: (connectionId: string) => void;
}

const responseMetadata = new Metadata();
// N08: what the library would say (gzip, deflate) is not what we accept.
responseMetadata.set('grpc-accept-encoding', 'identity');

type AnyStream = ServerWritableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>;

/** A stream of answers to one request. */
export function pushStream(
  options: PushOptions,
  open: (request: Buffer, call: StreamCall) => Promise<Feed>,
): handleServerStreamingCall<Buffer, Uint8Array> {
  return (call) => {
    const sender = new Sender(call, options);
    sender.begin(open(call.request, sender.streamCall));
  };
}

/** A stream of answers to a stream of requests; requests that come before it is open wait in the transport. */
export function conversation(
  options: PushOptions,
  open: (call: StreamCall) => Promise<Conversation>,
): handleBidiStreamingCall<Buffer, Uint8Array> {
  return (call) => {
    const sender = new Sender(call, options);
    sender.begin(
      open(sender.streamCall).then((feed) => {
        call.on('data', (message: Buffer) => sender.guard(() => feed.receive(message)));
        call.on('end', () => sender.finish());
        return feed;
      }),
    );
  };
}

class Sender {
  readonly streamCall: StreamCall;
  readonly #call: AnyStream;
  readonly #options: PushOptions;
  readonly #aborter = new AbortController();
  #feed: Feed | undefined;
  #isBusy = false;
  #isOver = false;
  #stall: Disposable | undefined;

  constructor(call: AnyStream, options: PushOptions) {
    this.#call = call;
    this.#options = options;
    this.streamCall = {
      header: (name) => call.metadata.get(name).filter((value) => typeof value === 'string'),
      connectionId: call.getPeer(),
      signal: this.#aborter.signal,
      trailers: new Metadata(),
      wake: () => this.#send(),
    };
    call.on('cancelled', () => this.#close());
    call.on('close', () => this.#close());
  }

  begin(opening: Promise<Feed>): void {
    this.#follow(opening).catch((error: unknown) => this.#fail(error));
  }

  async #follow(opening: Promise<Feed>): Promise<void> {
    const feed = await opening;
    if (this.#isOver) {
      feed[Symbol.dispose]();
      return;
    }
    this.#feed = feed;
    this.#call.sendMetadata(responseMetadata);
    this.#send();
  }

  /** Runs work on behalf of the stream: what it throws ends the stream and nothing else. */
  guard(work: () => void): void {
    if (this.#isOver) return;
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The client has said all it had to say: so have we. */
  finish(): void {
    if (this.#isOver) return;
    this.#close();
    this.#call.end(this.streamCall.trailers);
  }

  #send(): void {
    if (this.#isBusy || this.#isOver || this.#feed === undefined) return;
    const feed = this.#feed;
    this.guard(() => {
      const message = feed.next();
      if (message === undefined) return;
      this.#isBusy = true;
      const { clock, stallMs, onStall } = this.#options;
      this.#stall = clock.schedule(stallMs, () => {
        const { connectionId } = this.streamCall;
        this.#close();
        onStall(connectionId);
      });
      this.#call.write(message, () => {
        this.#stall?.[Symbol.dispose]();
        this.#isBusy = false;
        this.#send();
      });
    });
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#close();
    this.#call.emit('error', encodeGrpcError(error, this.streamCall.trailers));
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stall?.[Symbol.dispose]();
    this.#feed?.[Symbol.dispose]();
    this.#aborter.abort(baseErrors.CANCELLED());
  }
}
