import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  attribute,
  buildCsr,
  buildCsrInfo,
  type CsrParts,
  commonName,
  emptyOrganization,
  extension,
  extensionRequest,
  ia5Name,
  nameWith,
  san,
  uriSan,
} from '../../test/support/csr.ts';
import { newKey } from '../../test/support/pki.ts';
import { fromHex, utf8 } from '../base/bytes.ts';
import { context, contextConstructed, tags } from './der-reader.ts';
import { derBitString, derOid, derSequence, derSet, derTrue, derUtf8String, derValue } from './der-writer.ts';
import { type Csr, defaultKeyPolicy, formatPem, type KeyPolicy, parseCsrDer, parseCsrPem } from './index.ts';
import { oids } from './oids.ts';

const key = newKey();
const rsaKey = newKey('RSA');
const ownId = 'spiffe://cluster.local/ns/shop/sa/cart';

const parse = (parts: CsrParts = {}, policy: KeyPolicy = defaultKeyPolicy): Csr =>
  parseCsrDer(buildCsr(key, parts), policy);
const refuses = (run: () => unknown, code: string, message = '') =>
  expect(run).toThrow(
    expect.objectContaining({ code, kind: 'invalid', message: expect.stringContaining(message) as string }),
  );
const malformed = (parts: CsrParts, message: string) => refuses(() => parse(parts), 'CSR_MALFORMED', message);

describe('CSRs of the clients that Istio has', () => {
  it('pilot-agent’s is accepted: one empty Organization, critical URI SAN, RSA-2048', () => {
    const csr = parseCsrDer(
      buildCsr(rsaKey, { subjectDer: emptyOrganization, uri: ownId }),
      defaultKeyPolicy,
    );
    expect(csr.publicKey).toMatchObject({ algorithm: 'RSA', bits: 2048 });
    expect(csr.hasCommonName).toBe(false);
    expect(csr.requested.uris).toEqual([ownId]);
  });

  it('ztunnel’s is accepted: empty subject, critical URI SAN, P-256', () => {
    const pem = formatPem('CERTIFICATE REQUEST', buildCsr(key, { uri: ownId }));
    const csr = parseCsrPem(pem, defaultKeyPolicy);
    expect(csr.publicKey.algorithm).toBe('P-256');
    expect(csr.requested).toEqual({
      uris: [ownId],
      dnsNames: [],
      ips: [],
      emails: [],
      otherNames: 0,
      extensionOids: [oids.subjectAltName],
      wantsCa: false,
    });
  });

  it.each([
    ['P-256', newKey()],
    ['P-384', newKey('P-384')],
  ])('a %s key is accepted without attributes', (_name, own) => {
    expect(parseCsrDer(buildCsr(own), defaultKeyPolicy).requested.extensionOids).toEqual([]);
  });

  it('Ed25519 is accepted where its switch is on (adv:C15)', () => {
    const der = buildCsr(newKey('Ed25519'), { uri: ownId });
    expect(parseCsrDer(der, { ...defaultKeyPolicy, allowEd25519: true }).publicKey.algorithm).toBe('Ed25519');
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'KEY_REFUSED', 'switched off');
  });

  it('says whether there is a common name that is not empty, and nothing else of the subject (adv:C18)', () => {
    expect(parse({ subjectDer: commonName('spiffe://other/id') }).hasCommonName).toBe(true);
    expect(parse({ subjectDer: commonName('') }).hasCommonName).toBe(false);
  });
});

describe('size', () => {
  it('a request of 16 KiB + 1, of 1 MiB and of 5 MiB is refused before it is read (adv:C10)', () => {
    for (const bytes of [16 * 1024 + 1, 1024 * 1024, 5 * 1024 * 1024])
      refuses(() => parseCsrDer(new Uint8Array(bytes), defaultKeyPolicy), 'CSR_TOO_LARGE');
  });

  it('a PEM line of 10 MB is refused by its length (adv:C40)', () => {
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(10_000_000)}\n-----END CERTIFICATE REQUEST-----\n`;
    refuses(() => parseCsrPem(pem, defaultKeyPolicy), 'CSR_TOO_LARGE');
  });

  it('empty and blank text are refused (adv:C01)', () => {
    for (const pem of ['', ' \n'])
      refuses(() => parseCsrPem(pem, defaultKeyPolicy), 'PEM_MALFORMED', 'it is empty');
  });

  it('PEM around something else is refused (adv:C02)', () => {
    const pem = formatPem('CERTIFICATE REQUEST', utf8('not DER at all'));
    refuses(() => parseCsrPem(pem, defaultKeyPolicy), 'DER_MALFORMED');
  });
});

describe('encodings that a lenient parser takes', () => {
  const der = buildCsr(key, { uri: ownId });

  it('bytes after the request are refused (adv:C05)', () => {
    const longer = Uint8Array.from([...der, 0, 0, 0]);
    refuses(() => parseCsrDer(longer, defaultKeyPolicy), 'DER_MALFORMED', 'trailing bytes');
  });

  it('an outer length in four octets is refused (adv:C06)', () => {
    const content = der.subarray(4);
    const wide = Uint8Array.from([0x30, 0x84, 0, 0, content.length >> 8, content.length & 0xff, ...content]);
    refuses(() => parseCsrDer(wide, defaultKeyPolicy), 'DER_MALFORMED', 'shortest form');
  });

  it('an indefinite length is refused (adv:C07)', () => {
    const open = Uint8Array.from([0x30, 0x80, ...der.subarray(4), 0, 0]);
    refuses(() => parseCsrDer(open, defaultKeyPolicy), 'DER_MALFORMED', 'indefinite length');
  });

  it('a critical flag of 01 is refused (adv:C08)', () => {
    const odd = derSequence(
      derOid(oids.subjectAltName),
      fromHex('010101'),
      derValue(tags.octetString, derSequence()),
    );
    refuses(() => parse({ extensions: [odd] }), 'DER_MALFORMED', 'BOOLEAN');
  });
});

describe('the signature', () => {
  it.each<[string, CsrParts]>([
    ['made by another key', { signingKey: newKey() }],
    ['over other bytes', { signature: () => sign('sha256', utf8('other'), key) }],
    ['of no bytes', { signature: () => new Uint8Array(0) }],
    ['of noise', { signature: () => new Uint8Array(70).fill(0x30) }],
    ['with r and s zero', { signature: () => fromHex('3006020100020100') }],
  ])('%s is refused (adv:C11)', (_what, parts) => refuses(() => parse(parts), 'CSR_SIGNATURE_INVALID'));

  it('with unused bits is refused (adv:C11)', () => {
    const info = buildCsrInfo(createPublicKey(key).export({ format: 'der', type: 'spki' }), {});
    const bits = derBitString(Uint8Array.from([...sign('sha256', info, key), 0x80]), 7);
    const der = derSequence(info, fromHex('300a06082a8648ce3d040302'), bits);
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'CSR_MALFORMED', 'unused bits');
  });

  const algorithm = (oid: string, ...parameters: Uint8Array[]) => derSequence(derOid(oid), ...parameters);
  const nullDer = fromHex('0500');
  it.each<[string, KeyObject, Uint8Array, string]>([
    ['ecdsa-with-SHA1', key, algorithm('1.2.840.10045.4.1'), 'sha1'],
    ['ecdsa-with-SHA224', key, algorithm('1.2.840.10045.4.3.1'), 'sha224'],
    ['ecdsa-with-SHA256 and a NULL', key, algorithm('1.2.840.10045.4.3.2', nullDer), 'sha256'],
    ['md5WithRSA', rsaKey, algorithm('1.2.840.113549.1.1.4', nullDer), 'md5'],
    ['sha1WithRSA', rsaKey, algorithm('1.2.840.113549.1.1.5', nullDer), 'sha1'],
    ['sha256WithRSA without NULL', rsaKey, algorithm('1.2.840.113549.1.1.11'), 'sha256'],
    ['RSA-PSS', rsaKey, algorithm('1.2.840.113549.1.1.10', derSequence()), 'sha256'],
    ['an unknown algorithm', key, algorithm('1.2.3.4'), 'sha256'],
  ])('algorithm %s is refused though it may verify (adv:C12)', (_name, own, algorithmDer, hash) => {
    const der = buildCsr(own, { algorithmDer, hash });
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'SIGNATURE_ALGORITHM_REFUSED');
  });

  it('an algorithm for another kind of key is refused (adv:C12)', () => {
    const algorithmDer = algorithm('1.2.840.113549.1.1.11', nullDer);
    refuses(
      () => parse({ algorithmDer, hash: 'sha256' }),
      'SIGNATURE_ALGORITHM_REFUSED',
      'does not fit a key of type P-256',
    );
  });

  it.each([
    ['sha384', '1.2.840.10045.4.3.3'],
    ['sha512', '1.2.840.10045.4.3.4'],
  ])('ECDSA with %s is accepted', (hash, oid) => {
    expect(parse({ algorithmDer: algorithm(oid), hash }).publicKey.algorithm).toBe('P-256');
  });

  it.each([
    ['sha384', '1.2.840.113549.1.1.12'],
    ['sha512', '1.2.840.113549.1.1.13'],
  ])('RSA with %s is accepted', (hash, oid) => {
    const der = buildCsr(rsaKey, { algorithmDer: algorithm(oid, nullDer), hash });
    expect(parseCsrDer(der, defaultKeyPolicy).publicKey.algorithm).toBe('RSA');
  });
});

describe('keys that sign correctly and are refused all the same', () => {
  it.each([1024, 2040])('RSA-%i (adv:C13)', (modulusLength) => {
    const own = generateKeyPairSync('rsa', { modulusLength }).privateKey;
    const der = buildCsr(own, { algorithmDer: fromHex('300d06092a864886f70d01010b0500'), hash: 'sha256' });
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'KEY_REFUSED', `${modulusLength} bits`);
  });

  it.each(['secp224r1', 'secp256k1', 'secp521r1', 'brainpoolP256r1'])('%s (adv:C14)', (namedCurve) => {
    const own = generateKeyPairSync('ec', { namedCurve }).privateKey;
    const der = buildCsr(own, { algorithmDer: fromHex('300a06082a8648ce3d040302'), hash: 'sha256' });
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'KEY_REFUSED', 'is not P-256 or P-384');
  });

  it('a point that is not on its curve is refused as a key, not as a signature (adv:C14)', () => {
    const spkiDer = Uint8Array.from(parse().publicKey.spkiDer);
    spkiDer[90] = (spkiDer[90] as number) ^ 1;
    refuses(() => parse({ spkiDer }), 'KEY_REFUSED', 'not a point of its curve');
  });

  it('a blocked key (adv:C16)', () => {
    const { spkiSha256 } = parse().publicKey;
    refuses(() => parse({}, { ...defaultKeyPolicy, blockedSpki: new Set([spkiSha256]) }), 'KEY_BLOCKED');
  });
});

describe('version and subject', () => {
  it.each([
    ['1', '01'],
    ['2', '02'],
    ['-1', 'ff'],
    ['2^64', '010000000000000000'],
  ])('version %s is refused (adv:C17)', (_v, hex) =>
    malformed({ version: fromHex(hex) }, 'the version is not 0'),
  );

  it('a version that is missing or not minimal is refused (adv:C17)', () => {
    refuses(() => parse({ version: fromHex('0000') }), 'DER_MALFORMED', 'shortest form');
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const info = derSequence(derSequence(), spki, derValue(contextConstructed(0)));
    const der = derSequence(
      info,
      fromHex('300a06082a8648ce3d040302'),
      derBitString(sign('sha256', info, key)),
    );
    refuses(() => parseCsrDer(der, defaultKeyPolicy), 'CSR_MALFORMED', 'the version has the wrong type');
  });

  it.each<[string, Uint8Array]>([
    ['a CN that is another SPIFFE ID', commonName('spiffe://cluster.local/ns/other/sa/other')],
    ['NULs', commonName('\0\0\0')],
    ['a BMPString', nameWith(oids.commonName, derValue(tags.bmpString, fromHex('00410042')))],
    [
      'two attributes in one relative name',
      derSequence(
        derSet(
          derSequence(derOid(oids.commonName), derUtf8String('a')),
          derSequence(derOid(oids.organization), derUtf8String('b')),
        ),
      ),
    ],
  ])('a well-formed subject with %s is ignored (adv:C18)', (_what, subjectDer) => {
    expect(parse({ subjectDer, uri: ownId }).requested.uris).toEqual([ownId]);
  });

  it('a subject of 1 KiB, a broken UTF8String, or what is no name at all is refused (adv:C18)', () => {
    malformed({ subjectDer: commonName('x'.repeat(1100)) }, 'the subject has 1024 bytes or more');
    expect(parse({ subjectDer: commonName('x'.repeat(900)) }).hasCommonName).toBe(true);
    refuses(
      () => parse({ subjectDer: nameWith(oids.commonName, fromHex('0c02c328')) }),
      'DER_MALFORMED',
      'UTF-8',
    );
    malformed({ subjectDer: derSequence(derSet()) }, 'empty relative name');
    malformed({ subjectDer: nameWith(oids.commonName, fromHex('020101')) }, 'no text');
    malformed({ subjectDer: derSequence(derSequence()) }, 'wrong type');
    refuses(() => parse({ subjectDer: commonName('x'.repeat(64 * 1024)) }), 'CSR_TOO_LARGE');
  });
});

describe('what a CSR asks for', () => {
  it('is reported and never refused: other IDs, two URIs, DNS, wildcards, IPs, e-mail and more (adv:C19 adv:C20 adv:C21)', () => {
    const { requested } = parse({
      extensions: [
        san(
          ia5Name(6, 'spiffe://evil/ns/x/sa/y'),
          ia5Name(6, ownId),
          ia5Name(2, '*.svc'),
          ia5Name(1, 'a@example.org'),
          derValue(context(7), Uint8Array.of(10, 0, 0, 1)),
          derValue(context(7), fromHex('20010db8000000000000000000000001')),
          derValue(
            contextConstructed(0),
            derOid('1.2.3'),
            derValue(contextConstructed(0), derUtf8String('x')),
          ),
          derValue(contextConstructed(4), derSequence()),
          derValue(context(8), fromHex('2a03')),
        ),
      ],
    });
    expect(requested).toMatchObject({
      uris: ['spiffe://evil/ns/x/sa/y', ownId],
      dnsNames: ['*.svc'],
      emails: ['a@example.org'],
      ips: ['10.0.0.1', '2001:db8::1'],
      otherNames: 3,
      wantsCa: false,
    });
  });

  it('says when it asked to be an authority, by either extension (adv:C24)', () => {
    const ca = extension(oids.basicConstraints, derSequence(derTrue), true);
    const certSign = extension(oids.keyUsage, derBitString(Uint8Array.of(0x04), 2), true);
    const unknown = extension('1.3.6.1.4.1.11129.2.4.3', fromHex('0500'), true);
    expect(parse({ extensions: [ca] }).requested.wantsCa).toBe(true);
    expect(parse({ extensions: [certSign] }).requested.wantsCa).toBe(true);
    const { requested } = parse({
      extensions: [unknown, extension(oids.extKeyUsage, derSequence(derOid(oids.anyExtendedKeyUsage)))],
    });
    expect(requested).toMatchObject({
      wantsCa: false,
      extensionOids: ['1.3.6.1.4.1.11129.2.4.3', oids.extKeyUsage],
    });
  });

  it('a SAN twice, two extension requests, two values in one, and the legacy attribute are refused (adv:C22)', () => {
    malformed({ extensions: [uriSan(ownId), uriSan(ownId)] }, 'occurs twice');
    malformed({ uri: ownId, attributes: [extensionRequest(uriSan(ownId))] }, 'two extension requests');
    const list = derSequence(uriSan(ownId));
    malformed({ attributes: [attribute(oids.extensionRequest, list, list)] }, 'two values');
    malformed({ attributes: [attribute(oids.microsoftExtensions, list)] }, 'legacy attribute');
  });

  it('65 names, 1,000 and 9,000 are refused, 64 are read (adv:C23)', () => {
    const names = (count: number) => san(...Array.from({ length: count }, (_, i) => ia5Name(2, `n${i}`)));
    expect(parse({ extensions: [names(64)] }).requested.dnsNames).toHaveLength(64);
    malformed({ extensions: [names(65)] }, 'more than 64 names');
    malformed({ extensions: [names(1000)] }, 'more than 64 names');
    refuses(() => parse({ extensions: [names(9000)] }), 'CSR_TOO_LARGE');
  });

  it('up to eight attributes are ignored, a hundred are refused (adv:C25)', () => {
    const challenge = attribute('1.2.840.113549.1.9.7', derUtf8String('password'));
    const others = (count: number) =>
      Array.from({ length: count }, (_, i) => attribute(`1.2.3.${i}`, fromHex('0500')));
    expect(parse({ uri: ownId, attributes: [challenge, ...others(6)] }).requested.uris).toEqual([ownId]);
    malformed({ uri: ownId, attributes: [challenge, ...others(7)] }, 'more than 8 attributes');
    malformed({ attributes: others(100) }, 'more than 8 attributes');
  });

  it.each<[string, Uint8Array]>([
    ['a NUL in a URI (adv:C30)', san(ia5Name(6, 'spiffe://td/ns/a\0b'))],
    ['a line feed in a DNS name', san(ia5Name(2, 'a\nb'))],
    ['letters beyond ASCII', san(ia5Name(6, 'spiffe://t\xe4/x'))],
    ['an empty name', san(ia5Name(2, ''))],
    ['an IP address of five octets', san(derValue(context(7), new Uint8Array(5)))],
    ['no names at all', san()],
    ['an unknown kind of name', san(derValue(context(9), Uint8Array.of(1)))],
    ['a constructed URI', san(derValue(contextConstructed(6), fromHex('0500')))],
    ['octets that are no DER', extension(oids.subjectAltName, fromHex('3005'))],
    [
      'a critical flag that is written though false',
      derSequence(derOid('1.2.3'), fromHex('010100'), fromHex('0400')),
    ],
    [
      'basic constraints with a written FALSE',
      extension(oids.basicConstraints, derSequence(fromHex('010100'))),
    ],
    ['a path length without CA', extension(oids.basicConstraints, derSequence(fromHex('020100')))],
    ['key usage without bits', extension(oids.keyUsage, fromHex('03020700'))],
    ['key usage with a bit that does not exist', extension(oids.keyUsage, fromHex('0303060040'))],
  ])('extensions with %s are refused', (_what, odd) => malformed({ extensions: [odd] }, ''));
});
