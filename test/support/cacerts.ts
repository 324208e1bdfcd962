import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from './callers.ts';
import {
  type CertificateShape,
  formatPem,
  makeCertificate,
  type TestCertificate,
  x509,
} from './foreign-pki.ts';

const tenYears = 3650 * 86_400_000;

/** A CA certificate of somebody else's making; without an issuer, a root. */
export function makeAuthority(
  name: string,
  issuer?: TestCertificate,
  shape: CertificateShape = {},
): Promise<TestCertificate> {
  const notAfter = new Date(Date.now() + tenYears);
  return makeCertificate({ subject: `O=${name}`, isCa: true, notAfter, ...shape }, issuer);
}

export interface Cacerts {
  /** What signs leaves. */
  readonly signer: TestCertificate;
  /** From the signer upwards, roots left out. */
  readonly chain: readonly TestCertificate[];
  readonly roots: readonly TestCertificate[];
  readonly crlPem?: string;
  /** Written instead of what would be. */
  readonly files?: Readonly<Record<string, string | undefined>>;
}

/** Istio's four files, and the fifth; a file set to undefined is left out. */
export function cacertsFiles(of: Cacerts): Readonly<Record<string, string | undefined>> {
  return {
    'ca-cert.pem': of.signer.pem,
    'ca-key.pem': of.signer.privateKeyPem,
    'cert-chain.pem': of.chain.map(({ pem }) => pem).join(''),
    'root-cert.pem': of.roots.map(({ pem }) => pem).join(''),
    'ca-crl.pem': of.crlPem,
    ...of.files,
  };
}

export function writeCacerts(of: Cacerts, directory = scratchDirectory()): string {
  for (const [name, text] of Object.entries(cacertsFiles(of)))
    if (text !== undefined) writeFileSync(join(directory, name), text, { mode: 0o600 });
  return directory;
}

/** A revocation list by `issuer`, with these certificates on it. */
export async function makeCrl(
  issuer: TestCertificate,
  revoked: readonly TestCertificate[] = [],
): Promise<string> {
  const crl = await x509.X509CrlGenerator.create({
    issuer: issuer.certificate.subject,
    thisUpdate: new Date(Date.now() - 60_000),
    nextUpdate: new Date(Date.now() + 86_400_000),
    signingKey: issuer.pair.privateKey,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    entries: revoked.map(({ certificate }) => ({
      serialNumber: certificate.serialNumber,
      revocationDate: new Date(),
    })),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(issuer.pair.publicKey)],
  });
  return formatPem('X509 CRL', crl.rawData);
}
