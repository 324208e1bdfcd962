import { type handleUnaryCall, Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { encodeGrpcError } from './error-codec.ts';
import { forgetCall } from './forget.ts';

/** A unary call of which the door reads and writes the bytes itself; what it does not ask for costs nothing. */
export interface RawCall {
  /** Each value of a request header, in order, lower-case name. */
  header(name: string): readonly string[];
  /** The name of the connection, for `ConnectionTable.find`. */
  readonly connectionId: string;
  /** Wall time in milliseconds; Infinity when the client set none. */
  readonly deadline: number;
  /** Aborts when the client goes away. */
  signal(): AbortSignal;
}

export type RawHandler = (bytes: Uint8Array, call: RawCall) => Uint8Array | Promise<Uint8Array>;

const responseMetadata = new Metadata();
responseMetadata.set('grpc-accept-encoding', 'identity');

/** For services whose answer must never be a gRPC error: the handler is expected to answer whatever happens. */
export function rawUnary(handle: RawHandler): handleUnaryCall<Buffer, Uint8Array> {
  return (call, callback) => {
    const answer = (bytes: Uint8Array) => {
      call.sendMetadata(responseMetadata);
      callback(null, bytes);
      forgetCall(call);
    };
    const fail = (error: unknown) => {
      callback(encodeGrpcError(error));
      forgetCall(call);
    };
    try {
      const bytes = handle(call.request, rawCall(call));
      if (bytes instanceof Promise) bytes.then(answer).catch(fail);
      else answer(bytes);
    } catch (error) {
      fail(error);
    }
  };
}

function rawCall(call: ServerUnaryCall<Buffer, Uint8Array>): RawCall {
  return {
    header: (name) => call.metadata.get(name).filter((value) => typeof value === 'string'),
    connectionId: call.getPeer(),
    deadline: Number(call.getDeadline()),
    signal: () => {
      const aborter = new AbortController();
      if (call.cancelled) aborter.abort();
      call.on('cancelled', () => aborter.abort());
      return aborter.signal;
    },
  };
}
