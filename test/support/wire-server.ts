import { create } from '@bufbuild/protobuf';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from '../../src/wire/gen/istio/v1/auth/ca_pb.js';
import { ConnectionTable } from '../../src/wire/grpc/connections.ts';
import type { GrpcLimits } from '../../src/wire/grpc/limits.ts';
import { grpcServer } from '../../src/wire/grpc/server.ts';
import { grpcService } from '../../src/wire/grpc/service.ts';
import { type UnaryCall, unary } from '../../src/wire/grpc/unary.ts';
import { listenTls, type TlsListenerOptions } from '../../src/wire/tls/listener.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { makeCertificate, makeRoot, type TestCertificate } from './foreign-pki.ts';

export interface WireServerOptions {
  readonly limits?: Partial<GrpcLimits>;
  readonly tls?: Partial<TlsListenerOptions>;
  /** Answers with the strings it returns as the chain. */
  readonly answer?: (request: IstioCertificateRequest, call: UnaryCall) => Promise<string[]> | string[];
}

/** The listener and gRPC server as the product builds them, around a method that only answers. */
export async function wireServer(options: WireServerOptions = {}) {
  const root: TestCertificate = await makeRoot();
  const serving = await makeCertificate({ dnsNames: ['localhost'], ips: ['127.0.0.1'] }, root);
  const logger = new FakeLogger();
  const connections = new ConnectionTable();
  let calls = 0;
  const server = grpcServer({
    logger,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    services: [
      {
        definition: grpcService(IstioCertificateService),
        implementation: {
          createCertificate: unary(IstioCertificateRequestSchema, async (request, call) => {
            calls++;
            const certChain = (await options.answer?.(request, call)) ?? ['answer'];
            return create(IstioCertificateResponseSchema, { certChain });
          }),
        },
      },
    ],
  });
  const listener = await listenTls({
    host: '127.0.0.1',
    port: 0,
    credentials: { chainPem: serving.pem, privateKeyPem: serving.privateKeyPem },
    validatePeer: () => ({ ok: false, reason: 'untrusted', detail: 'no peer is trusted here' }),
    onConnection: (socket, facts) => {
      connections.add(socket, facts);
      server.inject(socket);
    },
    logger,
    ...options.tls,
  });
  return {
    root,
    server,
    listener,
    logger,
    connections,
    calls: () => calls,
    address: `127.0.0.1:${listener.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await server.drain(0);
    },
  };
}

/** Waits until `holds`, looking again after each turn of the event loop: a hang ends in the test's own timeout. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
