import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import {
  buildRoot,
  formatCertificatePem,
  issueLeaf,
  leafProfile,
  localSigner,
  parseCertificate,
} from '../../src/x509/index.ts';

export interface FakeHttpsServer extends AsyncDisposable {
  readonly port: number;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** How many connections were accepted. */
  readonly connections: () => number;
}

const trustDomain = parseTrustDomain('test.example');
let made: Promise<{ ca: string; cert: string; key: KeyObject }> | undefined;

async function makeCertificate(): Promise<{ ca: string; cert: string; key: KeyObject }> {
  const notBefore = Date.now() - 3_600_000;
  const notAfter = Date.now() + 24 * 3_600_000;
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = localSigner(root.privateKey);
  const rootDer = await buildRoot({ trustDomain, signer, notBefore, notAfter, serial: Uint8Array.of(1, 1) });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issued = await issueLeaf(
    { certificate: parseCertificate(rootDer), signer },
    leafProfile({ trustDomain, allowOtherNames: true }),
    {
      spkiDer: new Uint8Array(leaf.publicKey.export({ format: 'der', type: 'spki' })),
      spiffeId: SpiffeId.of(trustDomain, 'server'),
      notBefore,
      notAfter: notAfter - 1000,
      serial: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      dnsNames: ['localhost', 'issuer.example'],
      ips: ['127.0.0.1'],
    },
    Date.now(),
  );
  return { ca: formatCertificatePem(rootDer), cert: formatCertificatePem(issued.der), key: leaf.privateKey };
}

/** An https server on loopback, on any free port, with a certificate for `localhost`, `issuer.example` and 127.0.0.1. */
export async function startHttpsServer(listener: RequestListener): Promise<FakeHttpsServer> {
  made ??= makeCertificate();
  const { ca, cert, key } = await made;
  const server = createServer({ cert, key: key.export({ format: 'pem', type: 'pkcs8' }) }, listener);
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    ca,
    connections: () => connections,
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
