/** Hand-made certificates, honest or not: every part can be said, nothing is checked. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { fromHex } from '../../src/base/bytes.ts';
import { context, contextConstructed } from '../../src/x509/der-reader.ts';
import {
  derBitString,
  derOid,
  derSequence,
  derTrue,
  derUnsigned,
  derUtf8String,
  derValue,
} from '../../src/x509/der-writer.ts';
import { type Certificate, parseCertificate, publicKeyOf } from '../../src/x509/index.ts';
import { oids } from '../../src/x509/oids.ts';
import { signatureAlgorithmOf } from '../../src/x509/signature-algorithm.ts';
import { derTime } from '../../src/x509/time.ts';
import { extension, ia5Name, nameWith, uriSan } from './csr.ts';
import { day, hour, newKey, newSerial, testNow } from './pki.ts';

export interface CertificateParts {
  readonly version?: Uint8Array;
  readonly serial?: Uint8Array;
  readonly algorithmDer?: Uint8Array;
  readonly outerAlgorithmDer?: Uint8Array;
  readonly issuerDer?: Uint8Array;
  readonly subjectDer?: Uint8Array;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly validityDer?: Uint8Array;
  readonly spkiDer?: Uint8Array;
  /** Between key and extensions: unique identifiers, say. */
  readonly beforeExtensions?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
}

const none = new Uint8Array(0);
const version3 = fromHex('a003020102');

/** The signed part; `signer` only chooses the algorithm when that is not said. */
export function buildTbs(key: KeyObject, signer: KeyObject, parts: CertificateParts): Uint8Array {
  const { notBefore = testNow - hour, notAfter = testNow + day } = parts;
  const extensions = parts.extensions ?? [];
  return derSequence(
    parts.version ?? version3,
    derUnsigned(parts.serial ?? newSerial()),
    parts.algorithmDer ?? algorithmOf(signer),
    parts.issuerDer ?? nameWith(oids.organization, derUtf8String('test root')),
    parts.validityDer ?? derSequence(derTime(notBefore), derTime(notAfter)),
    parts.subjectDer ?? derSequence(),
    parts.spkiDer ?? createPublicKey(key).export({ format: 'der', type: 'spki' }),
    parts.beforeExtensions ?? none,
    extensions.length === 0 ? none : derValue(contextConstructed(3), derSequence(...extensions)),
  );
}

const algorithmOf = (key: KeyObject): Uint8Array => signatureAlgorithmOf(publicKeyOf(key).algorithm).der;

/** A certificate for `key`, signed by `signer` with its own algorithm. */
export function buildCertificate(key: KeyObject, signer: KeyObject, parts: CertificateParts): Uint8Array {
  const tbs = buildTbs(key, signer, parts);
  const using = signatureAlgorithmOf(publicKeyOf(signer).algorithm);
  const outer = parts.outerAlgorithmDer ?? parts.algorithmDer ?? using.der;
  return derSequence(tbs, outer, derBitString(sign(using.hash, tbs, signer)));
}

export const nameOf = (text: string): Uint8Array => nameWith(oids.organization, derUtf8String(text));

/** Content of a keyUsage BIT STRING by number of bit. */
export function keyUsage(...bits: readonly number[]): Uint8Array {
  const highest = Math.max(...bits);
  const octets = new Uint8Array(1 + (highest >> 3));
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] as number) | (0x80 >> (bit & 7));
  return extension(oids.keyUsage, derBitString(octets, 7 - (highest & 7)), true);
}

export const leafUsage = (): Uint8Array => keyUsage(0, 2);
export const authorityUsage = (): Uint8Array => keyUsage(5, 6);

export const authorityConstraints = (pathLength?: number): Uint8Array =>
  extension(
    oids.basicConstraints,
    derSequence(derTrue, pathLength === undefined ? none : derUnsigned(Uint8Array.of(pathLength))),
    true,
  );

export const leafConstraints = (): Uint8Array => extension(oids.basicConstraints, derSequence(), true);

export const extKeyUsage = (...purposes: readonly string[]): Uint8Array =>
  extension(oids.extKeyUsage, derSequence(...purposes.map(derOid)));

export const bothPurposes = (): Uint8Array => extKeyUsage(oids.serverAuth, oids.clientAuth);

/** Name constraints from `[kind, base]` pairs, kind being the number of the GeneralName. */
export function nameConstraints(
  permitted: readonly (readonly [number, Uint8Array | string])[],
  excluded: readonly (readonly [number, Uint8Array | string])[] = [],
): Uint8Array {
  const trees = (n: number, list: typeof permitted) =>
    list.length === 0
      ? none
      : derValue(contextConstructed(n), ...list.map(([kind, base]) => tree(kind, base)));
  return extension(oids.nameConstraints, derSequence(trees(0, permitted), trees(1, excluded)), true);
}

function tree(kind: number, base: Uint8Array | string): Uint8Array {
  if (typeof base === 'string') return derSequence(ia5Name(kind, base));
  return derSequence(derValue(kind === 4 ? contextConstructed(4) : context(kind), base));
}

export interface TestAuthority {
  readonly key: KeyObject;
  readonly nameDer: Uint8Array;
  readonly certificate: Certificate;
}

/** An authority named `name`, under `issuer` or self-signed. */
export function makeAuthority(
  name: string,
  issuer?: TestAuthority,
  parts: CertificateParts & { readonly key?: KeyObject } = {},
): TestAuthority {
  const key = parts.key ?? newKey();
  const nameDer = nameOf(name);
  const der = buildCertificate(key, issuer?.key ?? key, {
    issuerDer: issuer?.nameDer ?? nameDer,
    subjectDer: nameDer,
    notAfter: testNow + 300 * day,
    extensions: [authorityConstraints(), authorityUsage()],
    ...parts,
  });
  return { key, nameDer, certificate: parseCertificate(der) };
}

/** A leaf in our own shape under `issuer`, with the parts that are said replaced. */
export function makeTestLeaf(
  issuer: TestAuthority,
  uri = 'spiffe://td.example/ns/shop/sa/cart',
  parts: CertificateParts & { readonly key?: KeyObject } = {},
): Uint8Array {
  return buildCertificate(parts.key ?? sharedKey(), issuer.key, {
    issuerDer: issuer.nameDer,
    extensions: [leafUsage(), bothPurposes(), leafConstraints(), uriSan(uri)],
    ...parts,
  });
}

let shared: KeyObject | undefined;

/** One workload key for the many certificates whose key does not matter. */
export function sharedKey(): KeyObject {
  shared ??= newKey();
  return shared;
}
