/** Certificates of ours carry mutual TLS between two Node peers, and our validator decides about the peer. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { formatCertificatePem, type KeyAlgorithm, validatePath } from '../../src/x509/index.ts';
import { makeLeaf, makePki, newKey } from '../support/pki.ts';

/** The chain that the peer sent, leaf first. */
function presentedChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < 10) {
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

describe.each<KeyAlgorithm>(['P-256', 'P-384', 'RSA'])(
  'two Node peers with %s certificates of ours',
  (algorithm) => {
    it('talk mutual TLS, and each knows the other by its SPIFFE ID', async () => {
      const now = Date.now();
      const pki = await makePki({ algorithm, now });
      const times = { notBefore: now - 60_000, notAfter: now + 3_600_000 };
      const key = newKey(algorithm);
      const [server, client] = await Promise.all(
        ['server', 'client'].map((name) =>
          makeLeaf(pki.intermediate, `spiffe://cluster.local/${name}`, { key, ...times }),
        ),
      );
      if (server === undefined || client === undefined) throw new Error('no leaves');
      const middle = formatCertificatePem(pki.intermediate.certificate.der);
      const credentials = (leaf: typeof server) => ({
        key: leaf.key.export({ format: 'pem', type: 'pkcs8' }),
        cert: formatCertificatePem(leaf.certificate.der) + middle,
        ca: formatCertificatePem(pki.root.certificate.der),
      });
      const listener = createServer({ ...credentials(server), requestCert: true, rejectUnauthorized: true });
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      const { port } = listener.address() as AddressInfo;
      const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>;
      const socket = connect({
        ...credentials(client),
        host: '127.0.0.1',
        port,
        checkServerIdentity: () => undefined,
      });
      await once(socket, 'secureConnect');
      const [peer] = await accepted;
      const validate = (chain: readonly Uint8Array[], purpose: 'client' | 'server') =>
        validatePath(chain, { now, purpose, rootsFor: () => [pki.root.certificate] });
      expect(validate(presentedChain(socket), 'server')).toMatchObject({
        ok: true,
        spiffeId: { path: '/server' },
      });
      expect(validate(presentedChain(peer), 'client')).toMatchObject({
        ok: true,
        spiffeId: { path: '/client' },
      });
      socket.destroy();
      peer.destroy();
      listener.close();
    });
  },
);
