import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  authorityConstraints,
  buildCertificate,
  type CertificateParts,
  leafUsage,
  makeAuthority,
  makeTestLeaf,
  nameConstraints,
  nameOf,
  sharedKey,
} from '../../test/support/certificate.ts';
import { commonName, extension, nameWith, uriSan } from '../../test/support/csr.ts';
import { newKey } from '../../test/support/pki.ts';
import { fromHex } from '../base/bytes.ts';
import { context, tags } from './der-reader.ts';
import { derSequence, derValue } from './der-writer.ts';
import {
  formatCertificatePem,
  formatName,
  lintCertificate,
  parseCertificate,
  parseCertificatesPem,
} from './index.ts';
import { oids } from './oids.ts';

const root = makeAuthority('root');
const refuses = (parts: CertificateParts, problem: string, code = 'CERTIFICATE_MALFORMED') =>
  expect(() => parseCertificate(makeTestLeaf(root, undefined, parts))).toThrow(
    expect.objectContaining({ code, kind: 'invalid', message: expect.stringContaining(problem) as string }),
  );

describe('a certificate', () => {
  it.each<[string, CertificateParts]>([
    ['it is not version 3', { version: fromHex('a003020101') }],
    ['it is not version 3', { version: new Uint8Array(0), extensions: [] }],
    ['it is not version 3', { version: fromHex('a0080206010000000000') }],
    ['serial number is out of range', { serial: new Uint8Array(22).fill(1) }],
    ['differs inside and outside', { outerAlgorithmDer: fromHex('300a06082a8648ce3d040303') }],
    ['signature algorithm is not allowed', { algorithmDer: fromHex('300906072a8648ce3d0401') }],
    ['occurs twice', { extensions: [leafUsage(), leafUsage()] }],
    ['not a time', { validityDer: derSequence(fromHex('0500'), fromHex('0500')) }],
    ['more members than it may', { beforeExtensions: derValue(context(4), fromHex('00')) }],
    ['name subtrees', { extensions: [extension(oids.nameConstraints, derSequence(fromHex('a000')), true)] }],
    ['empty name constraints', { extensions: [extension(oids.nameConstraints, derSequence(), true)] }],
    ['half a reference', { extensions: [extension(oids.authorityKeyId, derSequence(fromHex('820101')))] }],
  ])('is refused: %s', (problem, parts) => refuses(parts, problem));

  it('with a key outside the allow-list is refused by that name (adv:M09)', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
    refuses(
      { spkiDer: publicKey.export({ format: 'der', type: 'spki' }) },
      'is not P-256 or P-384',
      'KEY_REFUSED',
    );
  });

  it('whose subtree has a minimum or maximum is refused (RFC 5280 §4.2.1.10)', () => {
    const plain = nameConstraints([[6, 'td.example']]);
    expect(() => parseCertificate(makeTestLeaf(root, undefined, { extensions: [plain] }))).not.toThrow();
    const limited = derSequence(
      derValue(0xa0, derSequence(derValue(context(6), fromHex('61')), fromHex('800101'))),
    );
    refuses({ extensions: [extension(oids.nameConstraints, limited, true)] }, 'more members');
  });

  it('of an old authority may have a name in T61String or with a star in PrintableString', () => {
    const odd = nameWith(oids.organization, derValue(tags.printableString, Buffer.from('a*b_c@d')));
    expect(formatName(parseCertificate(makeTestLeaf(root, undefined, { subjectDer: odd })).subjectDer)).toBe(
      'O=a*b_c@d',
    );
    const t61 = nameWith(oids.organization, derValue(tags.t61String, fromHex('fc')));
    expect(formatName(parseCertificate(makeTestLeaf(root, undefined, { subjectDer: t61 })).subjectDer)).toBe(
      'O=\\u{fc}',
    );
  });

  it('prints names so that no value can pass for another attribute (CVE-2021-44533)', () => {
    const { subjectDer } = parseCertificate(
      makeTestLeaf(root, undefined, { subjectDer: commonName('a, O=b\n\u202e') }),
    );
    expect(formatName(subjectDer)).toBe('CN=a\\, O\\=b\\u{a}\\u{202e}');
  });
});

describe('certificates in PEM', () => {
  it('are read in order and written as openssl writes them', () => {
    const [a, b] = [makeTestLeaf(root), root.certificate.der];
    const pem = formatCertificatePem(a) + formatCertificatePem(b);
    expect(pem.startsWith('-----BEGIN CERTIFICATE-----\n')).toBe(true);
    expect(pem.endsWith('-----END CERTIFICATE-----\n')).toBe(true);
    expect(parseCertificatesPem(pem).map((c) => c.sha256)).toEqual(
      [a, b].map((der) => parseCertificate(der).sha256),
    );
    expect(parseCertificatesPem('\n')).toEqual([]);
  });

  it('are limited in length and number', () => {
    const pem = formatCertificatePem(root.certificate.der).repeat(3);
    expect(() => parseCertificatesPem(pem, { maxCertificates: 2 })).toThrow(/more than 2 blocks/);
    expect(() => parseCertificatesPem(pem, { maxChars: 100 })).toThrow(/longer than 100 characters/);
    expect(() => parseCertificatesPem(`${' '.repeat(1024 * 1024)}${pem}`)).toThrow(/longer than/);
  });
});

describe('lints for a human', () => {
  it('name what is odd about a foreign leaf', () => {
    const odd = makeTestLeaf(root, 'spiffe://td.example', {
      extensions: [leafUsage(), uriSan('spiffe://td.example')],
    });
    const found = lintCertificate(odd).map(({ lint, severity }) => `${severity} ${lint}`);
    expect(found).toContain('error spiffe_id_has_path');
    expect(found).toContain('error server_and_client');
    expect(found).toContain('warning extensions_of_profile');
  });

  it('look at an authority as an authority, and at keys and bytes they cannot read without throwing', () => {
    expect(lintCertificate(root.certificate.der).map(({ lint }) => lint)).toContain('is_an_svid');
    expect(lintCertificate(Uint8Array.of(1, 2))).toMatchObject([{ lint: 'structure', severity: 'error' }]);
    const spkiDer = generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).publicKey.export({
      format: 'der',
      type: 'spki',
    });
    expect(lintCertificate(makeTestLeaf(root, undefined, { spkiDer })).map(({ lint }) => lint)).toContain(
      'key_allowed',
    );
  });

  it('use what is known about the issuer and the time', () => {
    const stranger = makeAuthority('stranger');
    const found = lintCertificate(makeTestLeaf(root), { issuer: stranger.certificate, now: 0 }).map(
      ({ lint }) => lint,
    );
    expect(found).toEqual(expect.arrayContaining(['issuer_is_issuers_subject', 'validity_has_begun']));
  });

  it('take an authority of odd shape for what it says it is', () => {
    const der = buildCertificate(sharedKey(), newKey(), {
      subjectDer: nameOf('x'),
      extensions: [authorityConstraints()],
    });
    expect(lintCertificate(der).map(({ lint }) => lint)).toContain('key_usage_critical');
    expect(lintCertificate(der).map(({ lint }) => lint)).not.toContain('not_an_authority');
  });
});
