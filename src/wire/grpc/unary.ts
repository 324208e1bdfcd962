import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { type handleUnaryCall, Metadata, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { baseErrors } from '../../base/errors.ts';
import { wireErrors } from '../errors.ts';
import { encodeGrpcError } from './error-codec.ts';
import { forgetCall } from './forget.ts';

/** One unary call as a door sees it: decoded metadata, trailers to fill, a signal for when nobody waits any more. */
export interface UnaryCall {
  /** Each value of a request header, in order, lower-case name; binary headers are left out. */
  header(name: string): readonly string[];
  /** The name of the connection, for `ConnectionTable.find`. */
  readonly connectionId: string;
  /** Wall time in milliseconds; Infinity when the client set none. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Sent with the answer, good or bad. */
  readonly trailers: Metadata;
}

export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  call: UnaryCall,
) => Promise<MessageShape<O>>;

const responseMetadata = new Metadata();
// N08: what the library would say (gzip, deflate) is not what we accept.
responseMetadata.set('grpc-accept-encoding', 'identity');

/** A grpc-js handler around a promise: decodes, calls, encodes; nothing thrown gets past it. */
export function unary<I extends DescMessage, O extends DescMessage>(
  input: I,
  handle: UnaryHandler<I, O>,
): handleUnaryCall<Buffer, MessageShape<O>> {
  return (call, callback) => {
    run({ input, handle, call, callback }).catch(() => call.emit('error', baseErrors.INTERNAL()));
  };
}

interface Run<I extends DescMessage, O extends DescMessage> {
  readonly input: I;
  readonly handle: UnaryHandler<I, O>;
  readonly call: ServerUnaryCall<Buffer, MessageShape<O>>;
  readonly callback: sendUnaryData<MessageShape<O>>;
}

async function run<I extends DescMessage, O extends DescMessage>(job: Run<I, O>): Promise<void> {
  const { call, callback } = job;
  const trailers = new Metadata();
  const aborter = new AbortController();
  // The library says so of a call that has been answered, too, and an error is dear to make.
  let isOver = false;
  call.on('cancelled', () => {
    if (!isOver) aborter.abort(baseErrors.CANCELLED());
  });
  try {
    const request = decodeMessage(job.input, call.request);
    const answer = await job.handle(request, {
      header: (name) => call.metadata.get(name).filter((value) => typeof value === 'string'),
      connectionId: call.getPeer(),
      deadline: Number(call.getDeadline()),
      signal: aborter.signal,
      trailers,
    });
    call.sendMetadata(responseMetadata);
    isOver = true;
    callback(null, answer, trailers);
  } catch (error) {
    isOver = true;
    callback(encodeGrpcError(error, trailers));
  }
  forgetCall(call);
}

/** Throws MESSAGE_MALFORMED. */
export function decodeMessage<I extends DescMessage>(schema: I, bytes: Uint8Array): MessageShape<I> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw wireErrors.MESSAGE_MALFORMED({ cause });
  }
}
