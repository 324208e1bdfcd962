import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status as StatusCode,
} from '@grpc/grpc-js';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '../../src/wire/gen/istio/v1/auth/ca_pb.js';

export const createCertificatePath = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

export interface ClientTls {
  readonly rootsPem: string;
  readonly chainPem?: string;
  readonly privateKeyPem?: string;
}

export interface Answer {
  readonly chain: readonly string[];
  readonly trailers: Metadata;
}

export function tlsCredentials(tls: ClientTls): ChannelCredentials {
  return credentials.createSsl(
    Buffer.from(tls.rootsPem),
    tls.privateKeyPem === undefined ? null : Buffer.from(tls.privateKeyPem),
    tls.chainPem === undefined ? null : Buffer.from(tls.chainPem),
  );
}

/** What any gRPC client makes of the CSR service: grpc-js, nothing of the product but the message types. */
export class IstioClient implements Disposable {
  readonly #client: Client;

  constructor(address: string, channel: ChannelCredentials) {
    this.#client = new Client(address, channel, {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.default_authority': 'localhost',
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  create(
    request: MessageInitShape<typeof IstioCertificateRequestSchema>,
    headers: Readonly<Record<string, string | readonly string[]>> = {},
    options: CallOptions = {},
  ): Promise<Answer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers))
      for (const one of typeof value === 'string' ? [value] : value) metadata.add(name, one);
    return new Promise((resolve, reject) => {
      let chain: readonly string[] = [];
      const call = this.#client.makeUnaryRequest<IstioCertificateRequest, IstioCertificateResponse>(
        createCertificatePath,
        (message) => Buffer.from(toBinary(IstioCertificateRequestSchema, message)),
        (bytes) => fromBinary(IstioCertificateResponseSchema, bytes),
        create(IstioCertificateRequestSchema, request),
        metadata,
        { deadline: Date.now() + 30_000, ...options },
        (error, response) => {
          if (error) reject(error);
          else chain = response?.certChain ?? [];
        },
      );
      call.on('status', (status) => {
        if (status.code === StatusCode.OK) resolve({ chain, trailers: status.metadata });
      });
    });
  }

  /** The error that the call must end in. */
  async refused(...args: Parameters<IstioClient['create']>): Promise<ServiceError> {
    try {
      await this.create(...args);
    } catch (error) {
      return error as ServiceError;
    }
    throw new Error('the call succeeded and must not');
  }
}
