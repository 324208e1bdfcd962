import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  type CheckRequest,
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';

export type GrpcAnswer = MessageInitShape<typeof CheckResponseSchema> | 'error' | 'silence';

/** A provider that speaks ext_authz over gRPC, answering as it is told, on a loopback port. */
export async function grpcProvider(answer: (request: CheckRequest) => GrpcAnswer, port = 0) {
  const asked: CheckRequest[] = [];
  const server = new Server();
  const service: ServiceDefinition = {
    check: {
      path: '/envoy.service.auth.v3.Authorization/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
  server.addService(service, {
    check(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      const request = fromBinary(CheckRequestSchema, call.request);
      asked.push(request);
      const said = answer(request);
      if (said === 'silence') return;
      if (said === 'error') done({ code: status.INTERNAL, details: 'broken' });
      else done(null, Buffer.from(toBinary(CheckResponseSchema, create(CheckResponseSchema, said))));
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  return { asked, port: bound, [Symbol.dispose]: () => server.forceShutdown() };
}

/** A provider that speaks ext_authz over HTTP, on a loopback port. */
export async function httpProvider(answer: (request: IncomingMessage, reply: ServerResponse) => void) {
  const asked: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[] = [];
  const server = createServer((request, reply) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, url, headers, body: Buffer.concat(parts).toString() });
      answer(request, reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
