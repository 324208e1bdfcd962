/**
 * The one production file that loads @peculiar/x509; imported when an authority is made, not at start. The library
 * never holds a key: it is given a `Crypto` whose `sign` asks our signer, after our lints saw the exact bytes.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { toHex } from '../base/bytes.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { DerCursor, tags } from './der-reader.ts';
import { oids } from './oids.ts';
import type { KeyAlgorithm, PublicKey } from './public-key.ts';

export interface AuthorityParts {
  readonly subject: { readonly trustDomain: TrustDomain; readonly keyId: string };
  /** Absent for a self-signed certificate. */
  readonly issuerNameDer?: Uint8Array;
  readonly issuerKey: PublicKey;
  readonly issuerKeyId: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serialHex: string;
  readonly publicKey: PublicKey;
  readonly pathLength?: number;
  /** Signs a TBSCertificate; ECDSA signatures as DER. */
  readonly sign: (tbs: Uint8Array) => Promise<Uint8Array>;
}

export async function buildAuthority(parts: AuthorityParts): Promise<Uint8Array> {
  const name = new x509.Name([
    { O: [parts.subject.trustDomain] },
    { [oids.serialNumber]: [parts.subject.keyId] },
  ]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: parts.serialHex,
      subject: name,
      issuer:
        parts.issuerNameDer === undefined
          ? name
          : new x509.Name(parts.issuerNameDer as Uint8Array<ArrayBuffer>),
      notBefore: parts.notBefore,
      notAfter: parts.notAfter,
      publicKey: parts.publicKey.spkiDer as Uint8Array<ArrayBuffer>,
      signingKey: { algorithm: webAlgorithms[parts.issuerKey.algorithm] } as webcrypto.CryptoKey,
      signingAlgorithm: webAlgorithms[parts.issuerKey.algorithm],
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        new x509.BasicConstraintsExtension(true, parts.pathLength, true),
        new x509.SubjectKeyIdentifierExtension(toHex(parts.publicKey.keyId)),
        new x509.AuthorityKeyIdentifierExtension(toHex(parts.issuerKeyId)),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: `spiffe://${parts.subject.trustDomain}` },
        ]),
      ],
    },
    signingCrypto(parts),
  );
  return new Uint8Array(certificate.rawData);
}

/** Algorithms as WebCrypto and the library name them, with the hash that `signatureAlgorithmOf` chooses. */
const webAlgorithms: Readonly<Record<KeyAlgorithm, { name: string; namedCurve?: string; hash?: string }>> = {
  'P-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'P-384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  RSA: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  Ed25519: { name: 'Ed25519' },
};

function signingCrypto(parts: AuthorityParts): Crypto {
  const sign = async (_algorithm: unknown, _key: unknown, tbs: ArrayBuffer): Promise<ArrayBuffer> => {
    const signature = await parts.sign(new Uint8Array(tbs));
    const isEc = parts.issuerKey.algorithm === 'P-256' || parts.issuerKey.algorithm === 'P-384';
    const plain = isEc ? plainEcSignature(signature, parts.issuerKey.bits / 8) : signature;
    return new Uint8Array(plain).buffer;
  };
  return { ...webcrypto, subtle: { sign }, getRandomValues: refuseRandomness } as unknown as Crypto;
}

/** The serial number is ours; the library has no business with randomness. */
function refuseRandomness(): never {
  throw new TypeError('the library asked for randomness');
}

/** ECDSA-Sig-Value to r‖s, as WebCrypto writes signatures. */
function plainEcSignature(der: Uint8Array, size: number): Uint8Array {
  const pair = new DerCursor(der).enter(tags.sequence, 'the signature');
  const out = new Uint8Array(2 * size);
  for (const end of [size, 2 * size]) {
    const octets = pair.value(pair.expect(tags.integer, 'r or s'));
    const magnitude = octets[0] === 0 ? octets.subarray(1) : octets;
    out.set(magnitude, end - magnitude.length);
  }
  return out;
}
