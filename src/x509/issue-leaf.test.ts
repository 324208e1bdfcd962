import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { day, makeLeaf, makePki, type TestPki, testNow } from '../../test/support/pki.ts';
import { describeCertificate, lintCertificate, validatePath } from './index.ts';

const id = 'spiffe://cluster.local/ns/shop/sa/cart';

describe.each(['P-256', 'P-384', 'RSA', 'Ed25519'] as const)('a hierarchy with %s keys', (algorithm) => {
  let pki: TestPki;
  beforeAll(async () => {
    pki = await makePki({ algorithm });
  });

  it('issues leaves that our validator accepts to the root (spiffe:X-17)', async () => {
    const { certificate } = await makeLeaf(pki.intermediate, id);
    const result = validatePath([certificate.der, pki.intermediate.certificate.der], {
      now: testNow,
      purpose: 'client',
      rootsFor: () => [pki.root.certificate],
    });
    expect(result).toMatchObject({ ok: true, spiffeId: { uri: id } });
  });

  it('issues leaves whose signature and names Node reads as we wrote them', async () => {
    const { certificate } = await makeLeaf(pki.intermediate, id, {
      dnsNames: ['cart.shop'],
      ips: ['10.0.0.1'],
    });
    const node = new X509Certificate(certificate.der);
    expect(node.verify(pki.intermediate.certificate.publicKey.keyObject)).toBe(true);
    expect(node.subjectAltName).toBe(`URI:${id}, DNS:cart.shop, IP Address:10.0.0.1`);
    expect(node.validToDate.getTime()).toBe(testNow + day);
  });

  it('has no findings of our own lints in root, intermediate and leaf', async () => {
    const { certificate } = await makeLeaf(pki.intermediate, id);
    const ders = [pki.root.certificate, pki.intermediate.certificate, certificate].map((c) => c.der);
    expect(ders.flatMap((der) => lintCertificate(der))).toEqual([]);
  });

  it('gives every key its own authority name (spiffe:X-05 spiffe:X-06)', () => {
    const [root, intermediate] = [pki.root, pki.intermediate].map((i) => describeCertificate(i.certificate));
    expect(root?.subject).toBe(`O=cluster.local, serialNumber=${root?.subjectKeyId}`);
    expect(intermediate?.subject).not.toBe(root?.subject);
    expect(intermediate).toMatchObject({
      isAuthority: true,
      pathLength: 0,
      uris: ['spiffe://cluster.local'],
    });
  });
});
