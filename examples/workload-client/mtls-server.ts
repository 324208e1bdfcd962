// An HTTPS server that lets in one identity, and shows its own; rotations need no restart.
//   node examples/workload-client/mtls-server.ts PORT CLIENT_SPIFFE_ID
import { createServer } from 'node:http';
import { createMtlsServer, X509Source } from '../../src/client/index.ts';

const [port = '8443', client = 'spiffe://cluster.local/ns/shop/sa/web'] = process.argv.slice(2);
const source = await X509Source.open();
const http = createServer((_request, response) => response.end(`hello from ${source.svid().spiffeId.uri}\n`));
const server = createMtlsServer(
  source,
  {
    authorize: (peer) => peer.uri === client,
    onRefused: (error) => console.error(error.message),
  },
  (socket) => http.emit('connection', socket),
);
server.listen(Number(port), '127.0.0.1', () => console.log(`listening on ${port}`));
