import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  makeLeaf,
  makePki,
  minute,
  newKey,
  newSerial,
  type TestPki,
  testNow,
} from '../../test/support/pki.ts';
import { toHex } from '../base/bytes.ts';
import { parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import {
  type Issuer,
  issueLeaf,
  type LeafProfile,
  type LeafRequest,
  leafProfile,
  localSigner,
  parseCertificate,
  publicKeyOf,
  type Signer,
} from './index.ts';
import { oids } from './oids.ts';

const trustDomain = parseTrustDomain('cluster.local');
const profile = leafProfile({ trustDomain });
const id = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
let pki: TestPki;

beforeAll(async () => {
  pki = await makePki();
});

const request = (key: KeyObject, more: Partial<LeafRequest> = {}): LeafRequest => ({
  spkiDer: createPublicKey(key).export({ format: 'der', type: 'spki' }),
  spiffeId: id,
  notBefore: testNow - 2 * minute,
  notAfter: testNow + 60 * minute,
  serial: newSerial(),
  ...more,
});

async function issue(
  more: Partial<LeafRequest> = {},
  using: LeafProfile = profile,
  issuer: Issuer = pki.intermediate,
) {
  const leaf = await issueLeaf(issuer, using, request(newKey(), more), testNow);
  return { leaf, certificate: parseCertificate(leaf.der) };
}

describe('a leaf of ours', () => {
  it('has KU, EKU, BC, SKI, AKI, SAN in this order, criticality and bytes (csr-api §1.9, spiffe:X-11 spiffe:X-13 spiffe:X-15 spiffe:X-16)', async () => {
    const { certificate } = await issue();
    const keyIds = [certificate.publicKey.keyId, pki.intermediate.certificate.publicKey.keyId].map(toHex);
    expect(certificate.extensions.map((e) => [e.oid, e.critical, toHex(e.value)])).toEqual([
      [oids.keyUsage, true, '030205a0'],
      [oids.extKeyUsage, false, '301406082b0601050507030106082b06010505070302'],
      [oids.basicConstraints, true, '3000'],
      [oids.subjectKeyId, false, `0414${keyIds[0]}`],
      [oids.authorityKeyId, false, `30168014${keyIds[1]}`],
      [oids.subjectAltName, true, `30288626${Buffer.from(id.uri).toString('hex')}`],
    ]);
  });

  it('has an empty subject, one URI and a critical SAN (spiffe:X-01 spiffe:X-03 spiffe:X-04)', async () => {
    const { certificate } = await issue();
    expect(toHex(certificate.subjectDer)).toBe('3000');
    expect(certificate.san).toEqual({
      critical: true,
      uris: [id.uri],
      dnsNames: [],
      ips: [],
      emails: [],
      others: 0,
    });
    expect(certificate.isCa).toBe(false);
  });

  it('says its serial and times as they stand in the certificate, whole seconds', async () => {
    const serial = Uint8Array.of(0, 0xab, 0xcd);
    const { leaf, certificate } = await issue({
      serial,
      notBefore: testNow - 500,
      notAfter: testNow + 60_999,
    });
    expect([leaf.serial, leaf.notBefore, leaf.notAfter]).toEqual(['abcd', testNow - 1000, testNow + 60_000]);
    expect([certificate.serial, certificate.notBefore, certificate.notAfter]).toEqual([
      leaf.serial,
      leaf.notBefore,
      leaf.notAfter,
    ]);
    expect(leaf.sha256).toBe(certificate.sha256);
  });

  it('carries a common name only when that is asked for, and stays critical in its names', async () => {
    const { certificate } = await issue({ commonName: 'spiffe://cluster.local/ns/shop/sa/cart' });
    expect(new X509Certificate(certificate.der).subject).toBe(`CN=${id.uri}`);
    expect(certificate.san?.critical).toBe(true);
  });

  it('for an EC key drops keyEncipherment where the profile says so, and keeps it for RSA (D6)', async () => {
    const frugal = leafProfile({ trustDomain, keyEnciphermentForEc: false });
    const { certificate } = await issue({}, frugal);
    expect([...(certificate.keyUsage ?? [])]).toEqual(['digitalSignature']);
    const spkiDer = publicKeyOf(newKey('RSA')).spkiDer;
    const rsa = await issue({ spkiDer }, frugal);
    expect([...(rsa.certificate.keyUsage ?? [])]).toEqual(['digitalSignature', 'keyEncipherment']);
  });

  it('carries the longest SPIFFE ID there can be, and DNS names and addresses where allowed', async () => {
    const longest = SpiffeId.parse(`spiffe://cluster.local/${'a'.repeat(2048 - 23)}`);
    expect((await issue({ spiffeId: longest })).certificate.san?.uris).toEqual([longest.uri]);
    const dnsNames = ['istiod.istio-system.svc', 'localhost'];
    const ips = ['127.0.0.1', '::1', '2001:db8::1'];
    const serving = leafProfile({ trustDomain, allowOtherNames: true });
    expect((await issue({ dnsNames, ips }, serving)).certificate.san).toMatchObject({
      uris: [id.uri],
      dnsNames,
      ips,
    });
  });

  it('is written with GeneralizedTime from 2050 on (adv:S15)', async () => {
    const now = Date.parse('2049-12-31T23:30:00Z');
    const late = await makePki({ now });
    const { certificate } = await makeLeaf(late.intermediate, id.uri, {
      notBefore: now - minute,
      notAfter: now + 60 * minute,
    });
    expect(new X509Certificate(certificate.der).validToDate.toISOString()).toBe('2050-01-01T00:30:00.000Z');
    expect(Buffer.from(certificate.tbsDer).includes('20500101003000Z')).toBe(true);
    expect(Buffer.from(certificate.tbsDer).includes('491231232900Z')).toBe(true);
  });
});

describe('no leaf is signed', () => {
  it('for the key of the authority itself (adv:C16)', async () => {
    const { spkiDer } = pki.intermediate.certificate.publicKey;
    await expect(issue({ spkiDer })).rejects.toMatchObject({ code: 'KEY_IS_ISSUER_KEY', kind: 'invalid' });
  });

  it('beyond the end of the issuer, for another trust domain, too long, or with names that were not allowed', async () => {
    const lint = (name: string) => ({ code: 'LINT_FAILED', details: { lint: name } });
    const { notAfter } = pki.intermediate.certificate;
    await expect(issue({ notAfter: notAfter + 1000 })).rejects.toMatchObject(lint('ends_with_issuer'));
    await expect(issue({ spiffeId: SpiffeId.parse('spiffe://other/x') })).rejects.toMatchObject(
      lint('spiffe_id_in_trust_domain'),
    );
    await expect(
      issue({ notBefore: testNow - 89 * 86_400_000, notAfter: testNow + 86_400_000 * 2 }),
    ).rejects.toMatchObject(lint('lifetime_within_maximum'));
    await expect(issue({ dnsNames: ['a.example'] })).rejects.toMatchObject(lint('other_names_allowed'));
    await expect(issue({ serial: new Uint8Array(16) })).rejects.toMatchObject(lint('serial_is_positive'));
  });

  it('for a key outside the allow-list', async () => {
    await expect(issue({ spkiDer: Uint8Array.of(0x30, 0) })).rejects.toMatchObject({ code: 'KEY_REFUSED' });
  });
});

describe('a signer', () => {
  const signerWith = (sign: (tbs: Uint8Array) => Promise<Uint8Array>): Issuer => {
    const signer: Signer = { publicKey: pki.intermediate.certificate.publicKey, sign };
    return { certificate: pki.intermediate.certificate, signer };
  };
  const failsWith = (issuer: Issuer) =>
    expect(issue({}, profile, issuer)).rejects.toMatchObject({ code: 'SIGNER_FAILED', kind: 'internal' });

  it('whose key is not that of the certificate is refused', async () => {
    await failsWith({ certificate: pki.intermediate.certificate, signer: pki.root.signer });
  });

  it('that returns something else than a signature is refused', async () => {
    await failsWith(signerWith(async () => new Uint8Array(0)));
    await failsWith(signerWith(async () => new Uint8Array(64)));
    await failsWith(signerWith(async (tbs) => tbs));
  });

  it('outside memory that signs other bytes is caught on every signature', async () => {
    const good = localSigner(pki.intermediateKey);
    let calls = 0;
    const sometimes = signerWith((tbs) => good.sign(calls++ === 1 ? tbs.subarray(1) : tbs));
    await issue({}, profile, sometimes);
    await failsWith(sometimes);
  });

  it('in memory that was given the wrong key is caught on its first signature', async () => {
    const wrong = localSigner(newKey());
    const disguised: Signer = {
      publicKey: pki.intermediate.certificate.publicKey,
      sign: (tbs) => wrong.sign(tbs),
    };
    await failsWith({ certificate: pki.intermediate.certificate, signer: disguised });
  });

  it('may be remote and slow', async () => {
    const good = localSigner(pki.intermediateKey);
    const remote = signerWith(async (tbs) => {
      await Promise.resolve();
      return good.sign(tbs);
    });
    expect((await issue({}, profile, remote)).certificate.san?.uris).toEqual([id.uri]);
  });
});
