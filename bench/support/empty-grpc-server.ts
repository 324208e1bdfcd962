/** A grpc-js server over TLS with nothing in it: what a unary call costs before anything is done for it. */
import { readFileSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const [certificateFile, keyFile] = process.argv.slice(2) as [string, string];
const bytes = (value: Buffer) => value;
const nothing = Buffer.alloc(0);
let calls = 0;

const server = new Server({ 'grpc.max_concurrent_streams': 1000 });
server.addService(
  {
    call: {
      path: '/bench.Empty/Call',
      originalName: 'call',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  },
  {
    call: (_call: unknown, callback: (error: null, answer: Buffer) => void) => {
      calls++;
      callback(null, nothing);
    },
  },
);
const credentials = ServerCredentials.createSsl(null, [
  { cert_chain: readFileSync(certificateFile), private_key: readFileSync(keyFile) },
]);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
process.on('message', () => process.send?.({ calls }));
process.on('disconnect', () => server.forceShutdown());
