/** What we build and accept, two other readers read identically: @peculiar/x509 and Node's X509Certificate. */
import 'reflect-metadata';
import { createPublicKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { isCastellanError } from '../../src/base/errors.ts';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import {
  type Certificate,
  defaultKeyPolicy,
  issueLeaf,
  type KeyAlgorithm,
  leafProfile,
  parseCertificate,
  parseCrl,
  parseCsrDer,
  parseIp,
} from '../../src/x509/index.ts';
import {
  anyDnsName,
  anyIp,
  anyKey,
  anyPath,
  anySerial,
  anyValidity,
  workloadKeys,
} from '../support/arbitrary-x509.ts';
import { buildCsr, commonName, emptyOrganization, extension, ia5Name, san, uriSan } from '../support/csr.ts';
import { day, makePki, minute, newKey, type TestPki, testNow } from '../support/pki.ts';

const trustDomain = parseTrustDomain('cluster.local');
const profile = leafProfile({ trustDomain, allowOtherNames: true, maxLifetimeMs: 100 * 365 * day });
const view = (der: Uint8Array) => new Uint8Array(der) as Uint8Array<ArrayBuffer>;
const seconds = (ms: number) => Math.floor(ms / 1000) * 1000;
const spkiOf = (key: KeyObject): Uint8Array => createPublicKey(key).export({ format: 'der', type: 'spki' });

/** What every reader must say about one certificate. */
interface Reading {
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly isCa: boolean;
  readonly extKeyUsage: readonly string[];
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
}

function readOurs(certificate: Certificate): Reading {
  return {
    serial: certificate.serial,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    spki: toHex(certificate.publicKey.spkiDer),
    uris: certificate.san?.uris ?? [],
    dnsNames: certificate.san?.dnsNames ?? [],
    ips: (certificate.san?.ips ?? []).map((ip) => toHex(parseIp(ip))),
    isCa: certificate.isCa,
    extKeyUsage: certificate.extKeyUsage ?? [],
    subjectKeyId: toHex(certificate.subjectKeyId ?? new Uint8Array(0)),
    authorityKeyId: toHex(certificate.authorityKeyId ?? new Uint8Array(0)),
  };
}

function readPeculiar(der: Uint8Array): Reading & { readonly extensions: readonly [string, boolean][] } {
  const certificate = new peculiar.X509Certificate(view(der));
  const names = certificate.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.items ?? [];
  const ofType = (type: string) => names.filter((name) => name.type === type).map((name) => name.value);
  return {
    serial: certificate.serialNumber.replace(/^(?:00)+(?=..)/, ''),
    notBefore: certificate.notBefore.getTime(),
    notAfter: certificate.notAfter.getTime(),
    spki: toHex(new Uint8Array(certificate.publicKey.rawData)),
    uris: ofType('url'),
    dnsNames: ofType('dns'),
    ips: ofType('ip').map((ip) => toHex(parseIp(ip))),
    isCa: certificate.getExtension(peculiar.BasicConstraintsExtension)?.ca ?? false,
    extKeyUsage: (certificate.getExtension(peculiar.ExtendedKeyUsageExtension)?.usages ?? []).map(String),
    subjectKeyId: certificate.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId ?? '',
    authorityKeyId: certificate.getExtension(peculiar.AuthorityKeyIdentifierExtension)?.keyId ?? '',
    extensions: certificate.extensions.map((e) => [e.type, e.critical]),
  };
}

function readNode(der: Uint8Array): Partial<Reading> {
  const certificate = new X509Certificate(der);
  const names = (certificate.subjectAltName ?? '').split(', ');
  const ofType = (prefix: string) =>
    names.filter((n) => n.startsWith(prefix)).map((n) => n.slice(prefix.length));
  return {
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    spki: toHex(certificate.publicKey.export({ format: 'der', type: 'spki' })),
    uris: ofType('URI:'),
    dnsNames: ofType('DNS:'),
    ips: ofType('IP Address:').map((ip) => toHex(parseIp(ip))),
    isCa: certificate.ca,
    extKeyUsage: certificate.keyUsage ?? [],
  };
}

const anyLeaf = fc.record({
  key: anyKey,
  path: anyPath,
  serial: anySerial,
  validity: anyValidity,
  dnsNames: fc.array(anyDnsName, { maxLength: 3 }),
  ips: fc.array(anyIp, { maxLength: 2 }),
});

describe.each<[KeyAlgorithm, number]>([
  ['P-256', 1200],
  ['P-384', 300],
  ['RSA', 300],
  ['Ed25519', 400],
])('leaves under %s authorities', (algorithm, numRuns) => {
  let pki: TestPki;
  beforeAll(async () => {
    const now = testNow;
    pki = await makePki({ algorithm, now });
  });

  it(`are read by three readers as they were asked for, ${numRuns} times`, async () => {
    const { certificate } = pki.intermediate;
    const issuer = {
      certificate: { ...certificate, notAfter: Date.UTC(2060, 0, 1) },
      signer: pki.intermediate.signer,
    };
    await fc.assert(
      fc.asyncProperty(anyLeaf, async ({ key, path, serial, validity, dnsNames, ips }) => {
        const spiffeId = SpiffeId.parse(`spiffe://cluster.local${path}`);
        const request = { spkiDer: spkiOf(key), spiffeId, serial, dnsNames, ips, ...validity };
        const { der } = await issueLeaf(issuer, profile, request, testNow);
        const ours = readOurs(parseCertificate(der));
        expect(ours).toMatchObject({
          notBefore: seconds(validity.notBefore),
          notAfter: seconds(validity.notAfter),
          spki: toHex(request.spkiDer),
          uris: [spiffeId.uri],
          dnsNames,
          ips: ips.map((ip) => toHex(parseIp(ip))),
        });
        const { extensions, ...others } = readPeculiar(der);
        expect(others).toEqual(ours);
        expect(extensions).toEqual(parseCertificate(der).extensions.map((e) => [e.oid, e.critical]));
        expect(ours).toMatchObject(readNode(der));
        expect(new X509Certificate(der).verify(certificate.publicKey.keyObject)).toBe(true);
      }),
      { numRuns },
    );
  });
});

describe('CSRs made by @peculiar/x509', () => {
  const algorithms: Record<string, [webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams, string]> = {
    'P-256': [{ name: 'ECDSA', namedCurve: 'P-256' }, 'SHA-256'],
    'P-384': [{ name: 'ECDSA', namedCurve: 'P-384' }, 'SHA-384'],
    RSA: [
      {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        modulusLength: 2048,
        publicExponent: Uint8Array.of(1, 0, 1),
      },
      'SHA-256',
    ],
  };

  it.each(Object.keys(algorithms))('with %s keys are accepted and read the same', async (name) => {
    const [params, hash] = algorithms[name] as [webcrypto.EcKeyGenParams, string];
    const keys = await webcrypto.subtle.generateKey(params, true, ['sign', 'verify']);
    await fc.assert(
      fc.asyncProperty(
        anyPath,
        fc.array(anyDnsName, { maxLength: 3 }),
        fc.constantFrom('', 'O=', 'CN=cart', 'O=shop, CN=cart'),
        async (path, dnsNames, subject) => {
          const uri = `spiffe://cluster.local${path}`;
          const names = [
            { type: 'url', value: uri } as const,
            ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
          ];
          const made = await peculiar.Pkcs10CertificateRequestGenerator.create(
            {
              name: subject === 'O=' ? [{ O: [''] }] : subject,
              keys,
              signingAlgorithm: { name: params.name, hash },
              extensions: [new peculiar.SubjectAlternativeNameExtension(names, true)],
            },
            webcrypto as unknown as Crypto,
          );
          const csr = parseCsrDer(new Uint8Array(made.rawData), defaultKeyPolicy);
          expect(csr.requested).toMatchObject({ uris: [uri], dnsNames });
          expect(csr.hasCommonName).toBe(subject.includes('CN='));
          expect(toHex(csr.publicKey.spkiDer)).toBe(toHex(new Uint8Array(made.publicKey.rawData)));
        },
      ),
      { numRuns: name === 'RSA' ? 60 : 150 },
    );
  });

  it('without any extension are accepted', async () => {
    const [params, hash] = algorithms['P-256'] as [webcrypto.EcKeyGenParams, string];
    const keys = await webcrypto.subtle.generateKey(params, true, ['sign', 'verify']);
    const signingAlgorithm = { name: params.name, hash };
    const made = await peculiar.Pkcs10CertificateRequestGenerator.create(
      { keys, signingAlgorithm },
      webcrypto as unknown as Crypto,
    );
    expect(parseCsrDer(new Uint8Array(made.rawData), defaultKeyPolicy).requested.extensionOids).toEqual([]);
  });
});

describe('CSRs that we accept', () => {
  const subjects = [undefined, emptyOrganization, commonName('a'), commonName('')];
  const extensions = [
    uriSan('spiffe://cluster.local/x'),
    san(ia5Name(6, 'spiffe://other/y'), ia5Name(2, 'a.example'), ia5Name(1, 'a@example.org')),
    extension('1.2.3.4', Uint8Array.of(5, 0)),
    extension('2.5.29.19', Uint8Array.of(0x30, 3, 1, 1, 0xff), true),
    extension('2.5.29.15', Uint8Array.of(3, 2, 5, 0xa0), true),
  ];

  it('@peculiar/x509 accepts too, with the same key and a signature that verifies', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...workloadKeys),
        fc.constantFrom(...subjects),
        fc.subarray(extensions),
        async (key, subjectDer, wanted) => {
          const der = buildCsr(key, { ...(subjectDer ? { subjectDer } : {}), extensions: wanted });
          const read = () => parseCsrDer(der, defaultKeyPolicy);
          if (wanted.filter((e) => toHex(e).includes('0603551d11')).length > 1) {
            expect(read).toThrow(/occurs twice/);
            return;
          }
          const ours = read();
          const theirs = new peculiar.Pkcs10CertificateRequest(view(der));
          expect(toHex(new Uint8Array(theirs.publicKey.rawData))).toBe(toHex(ours.publicKey.spkiDer));
          expect(await theirs.verify(webcrypto as unknown as Crypto)).toBe(true);
          expect(theirs.extensions.map((e) => e.type)).toEqual([...ours.requested.extensionOids]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('what @peculiar/x509 takes and we refuse, by name (adv §0)', () => {
  const der = buildCsr(newKey(), { uri: 'spiffe://cluster.local/x' });
  const content = der.subarray(2 + ((der[1] as number) & 0x7f));
  it.each<[string, Uint8Array, string]>([
    ['trailing bytes (adv:C05)', Uint8Array.from([...der, 0, 0, 0]), 'trailing bytes'],
    [
      'a wide length (adv:C06)',
      Uint8Array.from([0x30, 0x84, 0, 0, content.length >> 8, content.length & 255, ...content]),
      'shortest form',
    ],
    ['an indefinite length (adv:C07)', Uint8Array.from([0x30, 0x80, ...content, 0, 0]), 'indefinite length'],
  ])('%s', async (_what, odd, rule) => {
    const theirs = new peculiar.Pkcs10CertificateRequest(view(odd));
    expect(await theirs.verify(webcrypto as unknown as Crypto)).toBe(true);
    expect(() => parseCsrDer(odd, defaultKeyPolicy)).toThrow(
      expect.objectContaining({ code: 'DER_MALFORMED', message: expect.stringContaining(rule) as string }),
    );
  });
});

describe('certificates with one bit flipped', () => {
  it('that we still read, Node reads the same', async () => {
    const pki = await makePki();
    const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/shop/sa/cart');
    const times = { notBefore: testNow - minute, notAfter: testNow + day };
    const request = { spkiDer: spkiOf(newKey()), spiffeId, serial: Uint8Array.of(1, 2, 3), ...times };
    const { der } = await issueLeaf(pki.intermediate, profile, request, testNow);
    let accepted = 0;
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Uint8Array.from(der);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (0x80 >> (bit & 7));
      const ours = tryParse(flipped);
      if (ours === undefined) continue;
      accepted++;
      const node = new X509Certificate(flipped);
      expect([node.serialNumber.toLowerCase(), node.validToDate.getTime(), node.ca]).toEqual([
        ours.serial,
        ours.notAfter,
        ours.isCa,
      ]);
      expect(toHex(node.publicKey.export({ format: 'der', type: 'spki' }))).toBe(
        toHex(ours.publicKey.spkiDer),
      );
      expect(node.verify(pki.intermediate.certificate.publicKey.keyObject)).toBe(false);
    }
    expect(accepted).toBeGreaterThan(500);
  });
});

function tryParse(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    expect(isCastellanError(error) && error.kind).toBe('invalid');
    return undefined;
  }
}

describe('CRLs made by @peculiar/x509', () => {
  it('are read with the same serials and verify with their issuer', async () => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const issuer = await peculiar.X509CertificateGenerator.createSelfSigned(
      {
        name: 'O=crl',
        keys,
        notBefore: new Date(testNow - day),
        notAfter: new Date(testNow + day),
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        extensions: [
          new peculiar.BasicConstraintsExtension(true, undefined, true),
          new peculiar.KeyUsagesExtension(
            peculiar.KeyUsageFlags.keyCertSign | peculiar.KeyUsageFlags.cRLSign,
            true,
          ),
        ],
      },
      webcrypto as unknown as Crypto,
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 31 }), { maxLength: 8 }),
        async (serials) => {
          const crl = await peculiar.X509CrlGenerator.create(
            {
              issuer: issuer.subject,
              thisUpdate: new Date(testNow),
              nextUpdate: new Date(testNow + day),
              signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
              signingKey: keys.privateKey,
              entries: serials.map((serial) => ({
                serialNumber: serial.toString(16).padStart(8, '0'),
                revocationDate: new Date(testNow),
                reason: peculiar.X509CrlReason.keyCompromise,
              })),
            },
            webcrypto as unknown as Crypto,
          );
          const read = parseCrl(new Uint8Array(crl.rawData));
          expect(read.size).toBe(serials.length);
          expect(read.isIssuedBy(parseCertificate(new Uint8Array(issuer.rawData)))).toBe(true);
          for (const serial of serials) {
            const hex = serial.toString(16);
            expect(read.isRevoked(hex.length % 2 === 0 ? hex : `0${hex}`)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
