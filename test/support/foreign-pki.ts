import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** Certificates by a library that is not ours, of every shape, good and bad: what it makes, ours has to judge. */

export { x509 };

const provider = webcrypto as unknown as Crypto;
const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface TestKeyPair {
  readonly pair: webcrypto.CryptoKeyPair;
  readonly privateKeyPem: string;
}

export interface TestCertificate extends TestKeyPair {
  readonly certificate: x509.X509Certificate;
  readonly der: Uint8Array;
  readonly pem: string;
}

export interface CertificateShape {
  readonly subject?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly isCa?: boolean;
  readonly pathLength?: number;
  /** Left out: the usual of the kind; `none`: no key usage extension. */
  readonly keyUsage?: number | 'none';
  /** Left out: server and client; empty: no such extension. */
  readonly extendedKeyUsage?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly extensions?: readonly x509.Extension[];
  readonly keys?: TestKeyPair;
}

export const serverAuth = '1.3.6.1.5.5.7.3.1';
export const clientAuth = '1.3.6.1.5.5.7.3.2';

export function formatPem(label: string, der: ArrayBuffer | Uint8Array): string {
  const body = Buffer.from(der as Uint8Array).toString('base64');
  return `-----BEGIN ${label}-----\n${body.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
}

export async function makeKeys(
  algorithm: webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams = p256,
): Promise<TestKeyPair> {
  const pair = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey);
  return { pair, privateKeyPem: formatPem('PRIVATE KEY', pkcs8) };
}

let serial = 0x1000;

/** Signs `shape` with `issuer`, or with its own key when there is none. */
export async function makeCertificate(
  shape: CertificateShape,
  issuer?: TestCertificate,
): Promise<TestCertificate> {
  const keys = shape.keys ?? (await makeKeys());
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: (serial++).toString(16),
      subject: shape.subject ?? '',
      issuer: issuer?.certificate.subject ?? shape.subject ?? '',
      notBefore: shape.notBefore ?? new Date(Date.now() - 60_000),
      notAfter: shape.notAfter ?? new Date(Date.now() + 3_600_000),
      publicKey: keys.pair.publicKey,
      signingKey: issuer?.pair.privateKey ?? keys.pair.privateKey,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: await extensionsOf(shape, keys, issuer),
    },
    provider,
  );
  const der = new Uint8Array(certificate.rawData);
  return { ...keys, certificate, der, pem: formatPem('CERTIFICATE', der) };
}

async function extensionsOf(
  shape: CertificateShape,
  keys: TestKeyPair,
  issuer: TestCertificate | undefined,
): Promise<x509.Extension[]> {
  const { KeyUsageFlags } = x509;
  const isCa = shape.isCa ?? false;
  const usual: number = isCa
    ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign
    : KeyUsageFlags.digitalSignature;
  const usage = shape.keyUsage ?? usual;
  const purposes = shape.extendedKeyUsage ?? (isCa ? [] : [serverAuth, clientAuth]);
  const names: x509.JsonGeneralNames = [
    ...(shape.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(shape.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(shape.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(isCa, shape.pathLength, true)];
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the flags of this enum are or-ed
  if (usage !== 'none') extensions.push(new x509.KeyUsagesExtension(usage, true));
  if (purposes.length > 0) extensions.push(new x509.ExtendedKeyUsageExtension([...purposes]));
  if (names.length > 0)
    extensions.push(new x509.SubjectAlternativeNameExtension(names, (shape.subject ?? '') === ''));
  extensions.push(await x509.SubjectKeyIdentifierExtension.create(keys.pair.publicKey, false, provider));
  if (issuer !== undefined)
    extensions.push(
      await x509.AuthorityKeyIdentifierExtension.create(issuer.pair.publicKey, false, provider),
    );
  return [...extensions, ...(shape.extensions ?? [])];
}

export const makeRoot = (name = 'O=test root'): Promise<TestCertificate> =>
  makeCertificate({ subject: name, isCa: true });

export interface CsrShape {
  readonly subject?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly emails?: readonly string[];
  readonly extensions?: readonly x509.Extension[];
  readonly keys?: TestKeyPair;
}

export interface TestCsr extends TestKeyPair {
  readonly pem: string;
  readonly der: Uint8Array;
}

/** A request as any client would make it, asking for whatever it likes. */
export async function makeCsr(shape: CsrShape = {}): Promise<TestCsr> {
  const keys = shape.keys ?? (await makeKeys());
  const names: x509.JsonGeneralNames = [
    ...(shape.uris ?? []).map((value) => ({ type: 'url' as const, value })),
    ...(shape.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(shape.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(shape.emails ?? []).map((value) => ({ type: 'email' as const, value })),
  ];
  const algorithm = keys.pair.publicKey.algorithm.name;
  const csr = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: shape.subject ?? '',
      keys: keys.pair,
      signingAlgorithm: { name: algorithm, hash: 'SHA-256' },
      extensions: [
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names, true)] : []),
        ...(shape.extensions ?? []),
      ],
    },
    provider,
  );
  const der = new Uint8Array(csr.rawData);
  return { ...keys, der, pem: formatPem('CERTIFICATE REQUEST', der) };
}
