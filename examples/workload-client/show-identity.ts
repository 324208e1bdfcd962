// Prints who this process is, and again with every rotation. Run it where a Castellan agent (or any SPIFFE agent) runs:
//   SPIFFE_ENDPOINT_SOCKET=unix:///run/castellan/workload.sock node examples/workload-client/show-identity.ts
import { X509Source } from '../../src/client/index.ts';

const source = await X509Source.open({ onError: (error) => console.error(`${error.message}: ${error.next}`) });

function show() {
  const { spiffeId, notAfter, chain } = source.svid();
  console.log(`${spiffeId.uri} serial ${chain[0].serial} until ${new Date(notAfter).toISOString()}`);
}

show();
source.onUpdate(show);
process.once('SIGINT', () => source[Symbol.dispose]());
process.once('SIGTERM', () => source[Symbol.dispose]());
