/** A grpc-js server on a socket with streams that say only what they are told to: the floor of every push. */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';

const [path] = process.argv.slice(2) as [string];
const bytes = (value: Buffer) => value;
const streams = new Set<ServerDuplexStream<Buffer, Buffer>>();

const server = new Server({ 'grpc.max_concurrent_streams': 10_000 });
server.addService(
  {
    streamSecrets: {
      path: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
      originalName: 'streamSecrets',
      requestStream: true,
      responseStream: true,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  {
    streamSecrets: (call: ServerDuplexStream<Buffer, Buffer>) => {
      streams.add(call);
      call.on('data', () => undefined);
      call.on('cancelled', () => streams.delete(call));
      call.on('error', () => streams.delete(call));
      process.send?.({ streams: streams.size });
    },
  },
);
server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  process.send?.({ ready: true });
});
process.on('message', ({ frame }: { frame: string }) => {
  const message = Buffer.from(frame, 'base64');
  for (const stream of streams) stream.write(message);
});
process.on('disconnect', () => server.forceShutdown());
