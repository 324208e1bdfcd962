import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Client, type ClientOptions, credentials, Metadata } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import type { ProviderCall } from '../../operations/check-request/index.ts';
import type { AuthzRequest, CustomResult } from '../../policy/index.ts';
import {
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { customProviderErrors } from './errors.ts';
import { readGrpcAnswer } from './grpc-answer.ts';
import { writeCheckRequest } from './grpc-question.ts';
import type { ProviderPlace } from './place.ts';

const method = '/envoy.service.auth.v3.Authorization/Check';
const largestAnswer = 256 * 1024;
/** How long resolved addresses are used before the name is asked again. */
const addressesKeptMs = 30_000;

/** `envoyExtAuthzGrpc`: the same protocol that proxies speak with us, the other way round. */
export class GrpcProvider implements Disposable {
  readonly #place: ProviderPlace;
  readonly #clock: Clock;
  #connecting: Promise<Client> | undefined;
  #renewAt = 0;

  constructor(place: ProviderPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  async ask(request: AuthzRequest, call: ProviderCall): Promise<CustomResult> {
    const question = toBinary(
      CheckRequestSchema,
      create(CheckRequestSchema, writeCheckRequest(request, call)),
    );
    const client = await this.#client();
    const bytes = await this.#call(client, question, call.signal);
    return readGrpcAnswer(readResponse(bytes), request);
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  /** A connection to addresses that the guard let through, renewed now and then as the name may move. */
  #client(): Promise<Client> {
    const now = this.#clock.bootTime();
    if (this.#connecting !== undefined && now < this.#renewAt) return this.#connecting;
    this.#drop();
    this.#renewAt = now + addressesKeptMs;
    this.#connecting = this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<Client> {
    const { host, port, names, tls } = this.#place;
    try {
      const all = await names.reachable(host);
      const [{ family }] = all;
      const targets = all
        .filter((one) => one.family === family)
        .map(({ address }) => (family === 4 ? `${address}:${port}` : `[${address}]:${port}`));
      const creds =
        tls === undefined
          ? credentials.createInsecure()
          : credentials.createSsl(tls.caPem === undefined ? null : Buffer.from(tls.caPem));
      return new Client(`ipv${family}:${targets.join(',')}`, creds, channelOptions(host));
    } catch (cause) {
      this.#renewAt = 0;
      throw customProviderErrors.CUSTOM_PROVIDER_UNREACHABLE({ cause });
    }
  }

  #call(client: Client, question: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        method,
        (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        (bytes: Buffer) => bytes,
        question,
        new Metadata(),
        {},
        (cause, answer) => {
          signal.removeEventListener('abort', cancel);
          if (cause === null && answer !== undefined) {
            resolve(answer);
            return;
          }
          // The addresses may be old.
          this.#renewAt = 0;
          reject(customProviderErrors.CUSTOM_PROVIDER_UNREACHABLE({ cause }));
        },
      );
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  #drop(): void {
    // Calls on their way end; nothing new begins.
    this.#connecting?.then((client) => client.close()).catch(() => undefined);
    this.#connecting = undefined;
  }
}

function channelOptions(host: string): ClientOptions {
  return {
    'grpc.default_authority': host,
    'grpc.ssl_target_name_override': host,
    // A proxy from the environment would go round the guard.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': largestAnswer,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  };
}

function readResponse(bytes: Uint8Array) {
  try {
    return fromBinary(CheckResponseSchema, bytes);
  } catch (cause) {
    throw customProviderErrors.CUSTOM_PROVIDER_ANSWER_REFUSED({ cause });
  }
}
