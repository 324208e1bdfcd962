import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { buildCsr, formatCsrPem } from './build-csr.ts';
import { defaultKeyPolicy, localSigner, parseCsrPem } from './index.ts';

const keys = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  Ed25519: () => generateKeyPairSync('ed25519'),
};

describe('a request of ours', () => {
  it.each(Object.entries(keys))(
    'with a %s key is read by our own gate and names nothing',
    async (algorithm, make) => {
      const signer = localSigner(make().privateKey);
      const csr = parseCsrPem(formatCsrPem(await buildCsr(signer)), {
        ...defaultKeyPolicy,
        allowEd25519: true,
      });
      expect(csr.publicKey.algorithm).toBe(algorithm);
      expect(csr.publicKey.spkiSha256).toBe(signer.publicKey.spkiSha256);
      expect(csr.requested).toMatchObject({ uris: [], dnsNames: [], extensionOids: [], wantsCa: false });
    },
  );

  it('asks for DNS names where there are some, and for nothing else', async () => {
    const signer = localSigner(keys['P-256']().privateKey);
    const names = Array.from({ length: 60 }, (_, n) => `host-${n}.shop.example`);
    const { requested } = parseCsrPem(formatCsrPem(await buildCsr(signer, names)), defaultKeyPolicy);
    expect(requested).toMatchObject({
      uris: [],
      dnsNames: names,
      ips: [],
      emails: [],
      otherNames: 0,
      extensionOids: ['2.5.29.17'],
      wantsCa: false,
    });
  });
});
