// Calls an HTTPS server by its identity, not by its name.
//   node examples/workload-client/mtls-client.ts PORT SERVER_SPIFFE_ID
import { request } from 'node:https';
import { MtlsAgent, X509Source } from '../../src/client/index.ts';

const [port = '8443', server = 'spiffe://cluster.local/ns/shop/sa/cart'] = process.argv.slice(2);
using source = await X509Source.open();
using agent = new MtlsAgent(source, { authorize: (peer) => peer.uri === server });
const text = await new Promise<string>((resolve, reject) => {
  const call = request({ host: '127.0.0.1', port: Number(port), agent }, (response) => {
    let body = '';
    response.on('data', (bytes: Buffer) => {
      body += bytes.toString();
    });
    response.on('end', () => resolve(body));
  });
  call.on('error', reject);
  call.end();
});
process.stdout.write(text);
