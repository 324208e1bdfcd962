import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status as StatusCode,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  JWTBundlesResponseSchema,
  JWTSVIDRequestSchema,
  JWTSVIDResponseSchema,
  SpiffeWorkloadAPI,
  X509SVIDResponseSchema,
} from '../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { grpcService } from '../../src/wire/grpc/service.ts';

export type X509Answer = MessageInitShape<typeof X509SVIDResponseSchema>;
export type JwtAnswer = MessageInitShape<typeof JWTSVIDResponseSchema>;

type Stream = ServerWritableStream<Buffer, unknown>;

/** A Workload API that says what it is told to, on a socket of its own. */
export class FakeWorkloadApi implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'castellan-workload-'));
  readonly path = join(this.#directory, 'api.sock');
  readonly endpoint = `unix://${this.path}`;
  readonly #streams = new Set<Stream>();
  #server = new Server();
  #x509: X509Answer | undefined;
  #refusal: StatusCode | undefined;
  /** What each FetchJWTSVID asked for. */
  readonly jwtRequests: { readonly audience: readonly string[]; readonly spiffeId: string }[] = [];
  /** Values of the security header, one entry a call. */
  readonly headers: (readonly unknown[])[] = [];
  jwtAnswer: JwtAnswer = {};
  jwtBundles: Readonly<Record<string, string>> = {};
  opened = 0;

  async start(): Promise<this> {
    this.#server = new Server();
    this.#server.addService(grpcService(SpiffeWorkloadAPI), {
      fetchX509Svid: (call: Stream) => this.#open(call),
      fetchX509SVID: (call: Stream) => this.#open(call),
      fetchJWTSVID: (call: ServerUnaryCall<Buffer, unknown>, reply: sendUnaryData<unknown>) => {
        this.headers.push(call.metadata.get('workload.spiffe.io'));
        const { audience, spiffeId } = fromBinary(JWTSVIDRequestSchema, call.request);
        this.jwtRequests.push({ audience, spiffeId });
        reply(null, create(JWTSVIDResponseSchema, this.jwtAnswer));
      },
      fetchJWTBundles: (call: Stream) => {
        const bundles = Object.fromEntries(
          Object.entries(this.jwtBundles).map(([name, text]) => [name, new TextEncoder().encode(text)]),
        );
        call.write(create(JWTBundlesResponseSchema, { bundles }));
      },
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.path}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    return this;
  }

  push(answer: X509Answer): void {
    this.#x509 = answer;
    this.#refusal = undefined;
    for (const stream of this.#streams) stream.write(create(X509SVIDResponseSchema, answer));
  }

  /** Ends every stream with this status, and answers new ones with it. */
  refuse(code: StatusCode): void {
    this.#refusal = code;
    for (const stream of this.#streams) stream.emit('error', failure(code));
    this.#streams.clear();
  }

  /** The process dies; its socket stays behind. */
  stop(): void {
    this.#server.forceShutdown();
    this.#streams.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #open(call: Stream): void {
    this.opened++;
    this.headers.push(call.metadata.get('workload.spiffe.io'));
    if (this.#refusal !== undefined) {
      call.emit('error', failure(this.#refusal));
      return;
    }
    this.#streams.add(call);
    call.on('close', () => this.#streams.delete(call));
    call.on('cancelled', () => this.#streams.delete(call));
    if (this.#x509 !== undefined) call.write(create(X509SVIDResponseSchema, this.#x509));
  }
}

function failure(code: StatusCode): Partial<ServiceError> {
  return { code, details: StatusCode[code] ?? 'failure' };
}
