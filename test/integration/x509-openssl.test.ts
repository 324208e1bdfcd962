/** The `openssl` command agrees with what we build, and we with what it builds. */
import { createPublicKey, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseTrustDomain, SpiffeId } from '../../src/spiffe/index.ts';
import { derBitString, derSequence } from '../../src/x509/der-writer.ts';
import {
  type Csr,
  defaultKeyPolicy,
  formatCertificatePem,
  formatPem,
  issueLeaf,
  type KeyAlgorithm,
  leafProfile,
  parseCertificatesPem,
  parseCrlsPem,
  parseCsrDer,
  parseCsrPem,
  validatePath,
} from '../../src/x509/index.ts';
import { anyKey, anyPath, anySerial } from '../support/arbitrary-x509.ts';
import {
  buildCsr,
  buildCsrInfo,
  commonName,
  emptyOrganization,
  extension,
  ia5Name,
  san,
  uriSan,
} from '../support/csr.ts';
import { OpensslBench } from '../support/openssl.ts';
import { day, hour, makePki, newKey } from '../support/pki.ts';

const openssl = new OpensslBench();
afterAll(() => openssl[Symbol.dispose]());

const profile = leafProfile({ trustDomain: parseTrustDomain('cluster.local'), allowOtherNames: true });
/** openssl judges by the wall clock. */
const now = Math.floor(Date.now() / 1000) * 1000;

describe.each<KeyAlgorithm>(['P-256', 'P-384', 'RSA', 'Ed25519'])('a %s hierarchy of ours', (algorithm) => {
  it('verifies with openssl, strictly and for both purposes, and reads as it was asked for', async () => {
    const pki = await makePki({ algorithm, now });
    const roots = openssl.file(formatCertificatePem(pki.root.certificate.der));
    const middle = openssl.file(formatCertificatePem(pki.intermediate.certificate.der));
    await fc.assert(
      fc.asyncProperty(anyKey, anyPath, anySerial, async (key, path, serial) => {
        const spiffeId = SpiffeId.parse(`spiffe://cluster.local${path}`);
        const spkiDer = createPublicKey(key).export({ format: 'der', type: 'spki' });
        const request = {
          spkiDer,
          spiffeId,
          serial,
          notBefore: now - 120_000,
          notAfter: now + day,
          dnsNames: ['a.example'],
        };
        const leaf = await issueLeaf(pki.intermediate, profile, request, now);
        const file = openssl.file(formatCertificatePem(leaf.der), 'leaf.pem');
        for (const purpose of ['sslclient', 'sslserver']) {
          const args = [
            '-x509_strict',
            '-check_ss_sig',
            '-purpose',
            purpose,
            '-CAfile',
            roots,
            '-untrusted',
            middle,
          ];
          expect(openssl.run('verify', ...args, file)).toContain(': OK');
        }
        const text = openssl.run('x509', '-in', file, '-noout', '-text', '-certopt', 'ext_error');
        expect(text).toContain(`URI:${spiffeId.uri}, DNS:a.example`);
        expect(text).toContain('X509v3 Subject Alternative Name: critical');
        expect(text).toContain('TLS Web Server Authentication, TLS Web Client Authentication');
        expect(text).toContain('Digital Signature, Key Encipherment');
        const spki = openssl.run('x509', '-in', file, '-noout', '-pubkey');
        expect(createPublicKey(spki).export({ format: 'der', type: 'spki' }).equals(spkiDer)).toBe(true);
        const printed = openssl
          .run('x509', '-in', file, '-noout', '-serial')
          .trim()
          .replace('serial=', '')
          .toLowerCase();
        expect(printed.replace(/^(?:00)+(?=..)/, '')).toBe(leaf.serial);
      }),
      { numRuns: 6 },
    );
  });
});

describe('CSRs made by openssl', () => {
  const keyArgs: Record<string, string[]> = {
    'RSA-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    'RSA-3072': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
    'RSA-4096': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:4096'],
    'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
    'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  };
  const keyFile = (name: string): string => {
    const path = openssl.path(`${name}.key`);
    if (!existsSync(path)) openssl.run('genpkey', ...(keyArgs[name] as string[]), '-out', path);
    return path;
  };
  const shapes: Record<string, [string[], boolean]> = {
    'of pilot-agent': [
      ['-subj', '/O=', '-addext', 'subjectAltName=critical,URI:spiffe://td/ns/a/sa/b'],
      false,
    ],
    'of ztunnel': [['-subj', '/', '-addext', 'subjectAltName=critical,URI:spiffe://td/ns/a/sa/b'], false],
    'with a common name': [
      ['-subj', '/O=shop/CN=cart', '-addext', 'subjectAltName=URI:spiffe://td/ns/a/sa/b,DNS:x.example'],
      true,
    ],
    'with every extension openssl likes': [
      [
        '-subj',
        '/CN=x',
        '-addext',
        'subjectAltName=URI:spiffe://td/ns/a/sa/b',
        '-addext',
        'basicConstraints=critical,CA:TRUE',
        '-addext',
        'keyUsage=keyCertSign',
        '-addext',
        'extendedKeyUsage=codeSigning',
      ],
      true,
    ],
    'signed with SHA-512': [
      ['-sha512', '-subj', '/', '-addext', 'subjectAltName=URI:spiffe://td/ns/a/sa/b'],
      false,
    ],
  };

  it.each(Object.keys(keyArgs).flatMap((key) => Object.keys(shapes).map((shape) => [key, shape] as const)))(
    '%s %s are accepted with the key openssl says',
    (key, shape) => {
      const [args, hasCommonName] = shapes[shape] as [string[], boolean];
      const out = openssl.path('request.pem');
      openssl.run('req', '-new', '-key', keyFile(key), ...args, '-out', out);
      const csr = parseCsrPem(readFileSync(out, 'utf8'), defaultKeyPolicy);
      expect(csr.requested.uris).toEqual(['spiffe://td/ns/a/sa/b']);
      expect(csr.hasCommonName).toBe(hasCommonName);
      expect(csr.requested.wantsCa).toBe(shape.includes('every'));
      const pem = openssl.run('req', '-in', out, '-noout', '-pubkey');
      expect(createPublicKey(pem).equals(csr.publicKey.keyObject)).toBe(true);
    },
  );

  it('with RSA-PSS or SHA-1 are refused by name (adv:C12)', () => {
    const out = openssl.path('request.pem');
    const base = [
      'req',
      '-new',
      '-nodes',
      '-newkey',
      'rsa:2048',
      '-keyout',
      openssl.path('key.pem'),
      '-subj',
      '/',
      '-out',
      out,
    ];
    for (const more of [['-sigopt', 'rsa_padding_mode:pss'], ['-sha1']]) {
      openssl.run(...base, ...more);
      expect(() => parseCsrPem(readFileSync(out, 'utf8'), defaultKeyPolicy)).toThrow(
        expect.objectContaining({ code: 'SIGNATURE_ALGORITHM_REFUSED' }),
      );
    }
  });
});

describe('CSRs of odd shapes that we accept', () => {
  it('openssl accepts too, with the same key and a signature that verifies', () => {
    const parts = [
      uriSan('spiffe://cluster.local/x'),
      san(ia5Name(2, '*.svc'), ia5Name(1, 'a@b.example')),
      extension('1.2.3.4', Uint8Array.of(5, 0), true),
      extension('2.5.29.19', Uint8Array.of(0x30, 0), true),
    ];
    const subjects = [undefined, emptyOrganization, commonName('a'), commonName('')];
    fc.assert(
      fc.property(
        anyKey,
        fc.constantFrom(...subjects),
        fc.subarray(parts, { maxLength: 1 }),
        (key, subjectDer, extensions) => {
          const der = buildCsr(key, { ...(subjectDer ? { subjectDer } : {}), extensions });
          const ours = parseCsrDer(der, defaultKeyPolicy);
          const file = openssl.file(formatPem('CERTIFICATE REQUEST', der), 'odd.pem');
          const { ok, output } = openssl.try('req', '-in', file, '-noout', '-verify', '-pubkey');
          expect(ok && output).toMatch(/verify OK|self-signature verify OK/i);
          const pem = output.slice(
            output.indexOf('-----BEGIN'),
            output.indexOf('-----END PUBLIC KEY-----') + 24,
          );
          expect(createPublicKey(pem).equals(ours.publicKey.keyObject)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('CSRs that were damaged and then signed', () => {
  it('and are accepted all the same, openssl accepts too, with the same key (1,500 drawn)', () => {
    const key = newKey();
    const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const info = buildCsrInfo(spki, { subjectDer: commonName('cart'), uri: 'spiffe://td/ns/a/sa/b' });
    const algorithm = Buffer.from('300a06082a8648ce3d040302', 'hex');
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: info.length - 1 }), anyOctet), { minLength: 1, maxLength: 3 }),
        (edits) => {
          const changed = Uint8Array.from(info);
          for (const [at, octet] of edits) changed[at] = octet;
          const der = derSequence(changed, algorithm, derBitString(sign('sha256', changed, key)));
          const ours = tryParseCsr(der);
          if (ours === undefined) return;
          accepted++;
          const file = openssl.file(formatPem('CERTIFICATE REQUEST', der), 'damaged.pem');
          const { ok, output } = openssl.try('req', '-in', file, '-noout', '-verify', '-pubkey');
          expect([ok, output], Buffer.from(der).toString('hex')).toEqual([
            true,
            expect.stringMatching(/verify OK/i),
          ]);
          const pem = output.slice(
            output.indexOf('-----BEGIN'),
            output.indexOf('-----END PUBLIC KEY-----') + 24,
          );
          expect(createPublicKey(pem).equals(ours.publicKey.keyObject)).toBe(true);
        },
      ),
      { numRuns: 1500 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

const anyOctet = fc.oneof(
  fc.constantFrom(0x00, 0x01, 0x05, 0x0c, 0x13, 0x16, 0x30, 0x31, 0x80, 0xff),
  fc.nat({ max: 255 }),
);

function tryParseCsr(der: Uint8Array): Csr | undefined {
  try {
    return parseCsrDer(der, defaultKeyPolicy);
  } catch {
    return undefined;
  }
}

describe('a hierarchy made by openssl', () => {
  const config = `[ca]
default_ca = own
[own]
database = index.txt
serial = serial.txt
crlnumber = crlnumber.txt
new_certs_dir = .
default_md = sha256
default_crl_days = 1
policy = any
[any]
organizationName = optional
commonName = optional
[crl_ext]
authorityKeyIdentifier = keyid
`;

  it('is accepted by our validator, and its CRL is read and refuses what it lists (adv:M10)', () => {
    const run = (...args: string[]) => openssl.run(...args);
    openssl.file(config, 'ca.cnf');
    for (const [name, text] of [
      ['index.txt', ''],
      ['serial.txt', '1001\n'],
      ['crlnumber.txt', '01\n'],
    ] as const)
      openssl.file(text, name);
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const caExtensions = [
      '-addext',
      'basicConstraints=critical,CA:TRUE',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    ];
    run(
      'req',
      '-x509',
      ...ec,
      '-keyout',
      'ca.key',
      '-subj',
      '/O=openssl',
      '-days',
      '10',
      ...caExtensions,
      '-out',
      'ca.pem',
    );
    run('req', '-new', ...ec, '-keyout', 'leaf.key', '-subj', '/', '-out', 'leaf.csr');
    openssl.file(
      'keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,URI:spiffe://td/ns/a/sa/b\n',
      'leaf.ext',
    );
    const sign = [
      'ca',
      '-config',
      'ca.cnf',
      '-batch',
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
      '-extfile',
      'leaf.ext',
      '-days',
      '2',
    ];
    run(...sign, '-in', 'leaf.csr', '-out', 'leaf.pem');
    const [root] = parseCertificatesPem(readFileSync(openssl.path('ca.pem'), 'utf8'));
    const [leaf] = parseCertificatesPem(readFileSync(openssl.path('leaf.pem'), 'utf8'));
    if (root === undefined || leaf === undefined) throw new Error('openssl wrote no certificate');
    const gencrl = () => {
      run(
        'ca',
        '-config',
        'ca.cnf',
        '-gencrl',
        '-cert',
        'ca.pem',
        '-keyfile',
        'ca.key',
        '-crlexts',
        'crl_ext',
        '-out',
        'crl.pem',
      );
      return parseCrlsPem(readFileSync(openssl.path('crl.pem'), 'utf8'));
    };
    const validate = (crls: ReturnType<typeof gencrl>) =>
      validatePath([leaf.der], {
        now: Date.now() + hour,
        purpose: 'client',
        rootsFor: () => [root],
        crls,
        requireCrl: true,
      });
    expect(validate(gencrl())).toMatchObject({ ok: true, spiffeId: { uri: 'spiffe://td/ns/a/sa/b' } });
    run(
      'ca',
      '-config',
      'ca.cnf',
      '-revoke',
      'leaf.pem',
      '-crl_reason',
      'keyCompromise',
      '-cert',
      'ca.pem',
      '-keyfile',
      'ca.key',
    );
    expect(validate(gencrl())).toMatchObject({ ok: false, reason: 'revoked' });
  });
});
