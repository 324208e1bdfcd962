import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type CastellanError, isCastellanError } from '../base/errors.ts';
import {
  JWTBundlesRequestSchema,
  type JWTBundlesResponse,
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  SpiffeWorkloadAPI,
  X509SVIDRequestSchema,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
} from '../wire/gen/spiffe/workload/workloadapi_pb.js';
import { clientErrors } from './errors.ts';

const passBytes = (bytes: Buffer): Buffer => bytes;

/** A message of the largest bundles there are; beyond it something is wrong. */
const maxMessageBytes = 16 * 1024 * 1024;

const unaryLimitMs = 30_000;

/** The calls of the Workload API that a workload needs, with the header that the standard demands (E-04). */
export class WorkloadApi implements Disposable {
  readonly #client: Client;

  /** `target` as `workloadEndpoint` writes it. The standard has no TLS here (E-06): the socket is the node's own. */
  constructor(target: string) {
    this.#client = new Client(target, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      ...(target.startsWith('unix:') ? { 'grpc.default_authority': 'localhost' } : {}),
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  watchX509(signal: AbortSignal): AsyncIterable<X509SVIDResponse> {
    const { fetchX509SVID } = SpiffeWorkloadAPI.method;
    return this.#watch(fetchX509SVID, X509SVIDResponseSchema, toBytes(X509SVIDRequestSchema, {}), signal);
  }

  watchJwtBundles(signal: AbortSignal): AsyncIterable<JWTBundlesResponse> {
    const { fetchJWTBundles } = SpiffeWorkloadAPI.method;
    return this.#watch(
      fetchJWTBundles,
      JWTBundlesResponseSchema,
      toBytes(JWTBundlesRequestSchema, {}),
      signal,
    );
  }

  fetchJwt(audience: readonly string[], spiffeId: string): Promise<JWTSVIDResponse> {
    const request = toBytes(JWTSVIDRequestSchema, { audience: [...audience], spiffeId });
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        pathOf(SpiffeWorkloadAPI.method.fetchJWTSVID),
        passBytes,
        (bytes) => fromBinary(JWTSVIDResponseSchema, bytes),
        request,
        securityHeader(),
        { deadline: Date.now() + unaryLimitMs },
        (error, answer) => {
          if (error !== null) reject(readFailure(error));
          else if (answer === undefined) reject(clientErrors.WORKLOAD_ANSWER_MALFORMED());
          else resolve(answer);
        },
      );
    });
  }

  async *#watch<O extends DescMessage>(
    method: DescMethod,
    output: O,
    request: Buffer,
    signal: AbortSignal,
  ): AsyncGenerator<MessageShape<O>> {
    if (signal.aborted) return;
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      passBytes,
      (bytes) => fromBinary(output, bytes),
      request,
      securityHeader(),
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of call) yield message as MessageShape<O>;
    } catch (error) {
      if (!signal.aborted) throw readFailure(error);
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function toBytes<I extends DescMessage>(schema: I, init: Parameters<typeof create<I>>[1]): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}

function securityHeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  return metadata;
}

/** E-13: which refusals are worth another try is in the error's kind. */
function readFailure(error: unknown): CastellanError {
  if (isCastellanError(error)) return error;
  const { code, details } = error as Partial<ServiceError>;
  const message = typeof details === 'string' && details !== '' ? { details: { answer: details } } : {};
  if (code === status.PERMISSION_DENIED)
    return clientErrors.WORKLOAD_API_REFUSED({ cause: error, ...message });
  if (code === status.UNIMPLEMENTED) return clientErrors.WORKLOAD_API_UNSUPPORTED({ cause: error });
  if (code === status.INVALID_ARGUMENT)
    return clientErrors.WORKLOAD_ANSWER_MALFORMED({
      message: 'the Workload API does not take this request',
      cause: error,
      ...message,
    });
  return clientErrors.WORKLOAD_API_UNAVAILABLE({ cause: error, ...message });
}
