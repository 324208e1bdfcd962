import http2 from 'node:http2';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { IstioCertificateRequestSchema } from '../../src/wire/gen/istio/v1/auth/ca_pb.js';
import { createCertificatePath } from './istio-client.ts';

/** A message as gRPC frames it. */
export function frameMessage(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export interface RawAnswer {
  readonly grpcStatus: string | undefined;
  readonly headers: http2.IncomingHttpHeaders;
}

/** CreateCertificate by bare HTTP/2, for what no gRPC client would send: repeated headers, bodies of any shape. */
export async function rawCall(
  server: { readonly address: string; readonly rootsPem: string },
  request: MessageInitShape<typeof IstioCertificateRequestSchema>,
  headers: Readonly<Record<string, string | readonly string[]>>,
): Promise<RawAnswer> {
  const options = { ca: server.rootsPem, servername: 'localhost', strictSingleValueFields: false };
  const session = http2.connect(`https://${server.address}`, options as http2.SecureClientSessionOptions);
  session.on('error', () => undefined);
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': createCertificatePath,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(headers as http2.OutgoingHttpHeaders),
      });
      let all: http2.IncomingHttpHeaders = {};
      stream.on('response', (got) => (all = { ...all, ...got }));
      stream.on('trailers', (got) => (all = { ...all, ...got }));
      stream.on('error', reject);
      stream.once('close', () =>
        resolve({ grpcStatus: all['grpc-status'] as string | undefined, headers: all }),
      );
      stream.resume();
      stream.end(
        frameMessage(toBinary(IstioCertificateRequestSchema, create(IstioCertificateRequestSchema, request))),
      );
    });
  } finally {
    session.destroy();
  }
}
