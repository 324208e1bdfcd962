import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { asCastellanError, CastellanError, type ErrorKind } from '../../base/errors.ts';
import { ErrorInfoSchema, RetryInfoSchema, StatusSchema } from '../gen/google/rpc/status_pb.js';

const domain = 'castellan.dev';
const detailsKey = 'grpc-status-details-bin';

const codeOf: Readonly<Record<ErrorKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  denied: status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
  conflict: status.ABORTED,
  precondition: status.FAILED_PRECONDITION,
  exhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  timeout: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unsupported: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
};

const kindOf: ReadonlyMap<status, ErrorKind> = new Map([
  ...Object.entries(codeOf).map(([kind, code]) => [code, kind as ErrorKind] as const),
  [status.ALREADY_EXISTS, 'conflict'],
  [status.OUT_OF_RANGE, 'invalid'],
]);

export interface GrpcFailure {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

export function grpcCodeOf(error: CastellanError): status {
  return codeOf[error.kind];
}

/** The status, message and `google.rpc` details that tell the far end what went wrong, and nothing private. */
export function encodeGrpcError(error: unknown, metadata = new Metadata()): GrpcFailure {
  const ours = asCastellanError(error);
  const code = codeOf[ours.kind];
  // `encodeURI` in grpc-js throws on a lone surrogate.
  const message = ours.publicMessage.toWellFormed();
  const info = create(ErrorInfoSchema, { reason: ours.code, domain, metadata: { next: ours.next } });
  for (const [name, value] of Object.entries(ours.details))
    info.metadata[name] = String(value).toWellFormed();
  const details = [anyPack(ErrorInfoSchema, info)];
  if (ours.retryAfterSeconds !== undefined) {
    const wholeSeconds = Math.floor(ours.retryAfterSeconds);
    const nanos = Math.round((ours.retryAfterSeconds - wholeSeconds) * 1e9);
    details.push(
      anyPack(
        RetryInfoSchema,
        create(RetryInfoSchema, { retryDelay: { seconds: BigInt(wholeSeconds), nanos } }),
      ),
    );
  }
  const body = toBinary(StatusSchema, create(StatusSchema, { code, message, details }));
  metadata.set(detailsKey, Buffer.from(body));
  return { code, details: message, metadata };
}

/** What a server of ours (or any gRPC server) answered, as one of our errors: for clients. */
export function decodeGrpcError(error: ServiceError): CastellanError {
  const kind = kindOf.get(error.code) ?? 'internal';
  const facts = readDetails(error);
  return new CastellanError(
    facts.reason ?? `GRPC_${status[error.code] ?? 'UNKNOWN'}`,
    { kind, message: error.details, next: facts.metadata.next ?? 'look up the answer’s code' },
    {
      details: Object.fromEntries(Object.entries(facts.metadata).filter(([name]) => name !== 'next')),
      ...(facts.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: facts.retryAfterSeconds }),
    },
  );
}

interface Facts {
  readonly reason?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterSeconds?: number;
}

function readDetails(error: ServiceError): Facts {
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  if (!Buffer.isBuffer(bytes)) return { metadata: {} };
  try {
    let facts: Facts = { metadata: {} };
    for (const any of fromBinary(StatusSchema, bytes).details) {
      const info = anyUnpack(any, ErrorInfoSchema);
      if (info?.domain === domain) facts = { ...facts, reason: info.reason, metadata: info.metadata };
      const delay = anyUnpack(any, RetryInfoSchema)?.retryDelay;
      if (delay) facts = { ...facts, retryAfterSeconds: Number(delay.seconds) + delay.nanos / 1e9 };
    }
    return facts;
  } catch {
    return { metadata: {} };
  }
}
