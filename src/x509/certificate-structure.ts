import { equalBytes } from '../base/bytes.ts';
import { context, contextConstructed, DerCursor, type Tlv, tags } from './der-reader.ts';
import {
  type BasicConstraints,
  type Extension,
  type KeyUsage,
  type NameConstraints,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtensions,
  readExtKeyUsage,
  readKeyUsage,
  readNameConstraints,
  readSubjectAltName,
  readSubjectKeyId,
} from './extensions.ts';
import type { SubjectAltName } from './general-names.ts';
import { oids } from './oids.ts';
import { readTime } from './time.ts';

/** A TBSCertificate taken apart and nothing judged yet (RFC 5280 §4.1.2): what lints and parsers look at. */
export interface TbsStructure {
  /** As encoded: 2 means v3. -1 when it is no small number. */
  readonly version: number;
  /** Content octets of the serial number. */
  readonly serial: Uint8Array;
  readonly signatureAlgorithmDer: Uint8Array;
  readonly issuerDer: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly subjectDer: Uint8Array;
  readonly spkiDer: Uint8Array;
  readonly hasUniqueIds: boolean;
  readonly extensions: readonly Extension[];
}

export interface CertificateStructure {
  readonly tbsDer: Uint8Array;
  readonly tbs: TbsStructure;
  readonly signatureAlgorithmDer: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads the outer shape of a certificate whose bytes passed the gate. Throws DER_MALFORMED. */
export function readCertificateStructure(der: Uint8Array): CertificateStructure {
  const outer = new DerCursor(der).enter(tags.sequence, 'the certificate');
  const tbs = outer.expect(tags.sequence, 'the signed part');
  const algorithm = outer.expect(tags.sequence, 'the signature algorithm');
  const signature = outer.wholeBits(outer.expect(tags.bitString, 'the signature'), 'the signature');
  outer.finish('the certificate');
  return {
    tbsDer: outer.raw(tbs),
    tbs: readMembers(outer.inside(tbs)),
    signatureAlgorithmDer: outer.raw(algorithm),
    signature,
  };
}

/** Reads a TBSCertificate by itself. */
export function readTbs(tbsDer: Uint8Array): TbsStructure {
  return readMembers(new DerCursor(tbsDer).enter(tags.sequence, 'the signed part'));
}

function readMembers(tbs: DerCursor): TbsStructure {
  const version = tbs.optional(contextConstructed(0));
  const serial = tbs.expect(tags.integer, 'the serial number');
  const algorithm = tbs.expect(tags.sequence, 'the signature algorithm');
  const issuer = tbs.expect(tags.sequence, 'the issuer');
  const validity = tbs.enter(tags.sequence, 'the validity');
  const notBefore = readTime(tbs.bytes, validity.next('notBefore'));
  const notAfter = readTime(tbs.bytes, validity.next('notAfter'));
  validity.finish('the validity');
  const subject = tbs.expect(tags.sequence, 'the subject');
  const spki = tbs.expect(tags.sequence, 'the public key');
  const issuerId = tbs.optional(context(1));
  const subjectId = tbs.optional(context(2));
  const extensions = tbs.optional(contextConstructed(3));
  tbs.finish('the signed part');
  return {
    version: version === undefined ? 0 : readVersion(tbs, version),
    serial: tbs.value(serial),
    signatureAlgorithmDer: tbs.raw(algorithm),
    issuerDer: tbs.raw(issuer),
    notBefore,
    notAfter,
    subjectDer: tbs.raw(subject),
    spkiDer: tbs.raw(spki),
    hasUniqueIds: issuerId !== undefined || subjectId !== undefined,
    extensions: extensions === undefined ? [] : readWrapped(tbs.inside(extensions)),
  };
}

function readVersion(tbs: DerCursor, wrapper: Tlv): number {
  const inner = tbs.inside(wrapper);
  const version = inner.expect(tags.integer, 'the version');
  inner.finish('the version');
  return version.end - version.valueStart === 1 ? (tbs.bytes[version.valueStart] as number) : -1;
}

function readWrapped(wrapper: DerCursor): Extension[] {
  const list = wrapper.enter(tags.sequence, 'the extensions');
  wrapper.finish('the extensions');
  return readExtensions(list);
}

/** The extensions this room understands, decoded; the first of each kind when one is repeated. */
export interface KnownExtensions {
  readonly san?: SubjectAltName;
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: ReadonlySet<KeyUsage>;
  readonly extKeyUsage?: readonly string[];
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  readonly nameConstraints?: NameConstraints;
  /** Critical extensions outside that list: a path through such a certificate is refused (RFC 5280 §4.2). */
  readonly unknownCriticalOids: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function decodeExtensions(extensions: readonly Extension[]): KnownExtensions {
  const unknownCriticalOids: string[] = [];
  const known: Mutable<KnownExtensions> = { unknownCriticalOids };
  for (const extension of extensions)
    if (!decodeOne(known, extension) && extension.critical) unknownCriticalOids.push(extension.oid);
  return known;
}

/**
 * Leaves of one authority carry four extensions that are the same in each: a value equal to the last one of its kind
 * is not read again. Results are immutable, so they may be shared.
 */
function remembering<T>(read: (value: Uint8Array) => T): (value: Uint8Array) => T {
  let last: { readonly value: Uint8Array; readonly result: T } | undefined;
  return (value) => {
    if (last !== undefined && equalBytes(last.value, value)) return last.result;
    last = { value: value.slice(), result: read(value) };
    return last.result;
  };
}

const basicConstraintsOf = remembering((value) => Object.freeze(readBasicConstraints(value)));
const keyUsageOf = remembering(readKeyUsage);
const extKeyUsageOf = remembering((value): readonly string[] => Object.freeze(readExtKeyUsage(value)));
const authorityKeyIdOf = remembering((value) => readAuthorityKeyId(value.slice()));

/** False for an extension we do not know. */
function decodeOne(known: Mutable<KnownExtensions>, { oid, critical, value }: Extension): boolean {
  switch (oid) {
    case oids.subjectAltName:
      known.san ??= { critical, ...readSubjectAltName(value) };
      return true;
    case oids.basicConstraints:
      known.basicConstraints ??= basicConstraintsOf(value);
      return true;
    case oids.keyUsage:
      known.keyUsage ??= keyUsageOf(value);
      return true;
    case oids.extKeyUsage:
      known.extKeyUsage ??= extKeyUsageOf(value);
      return true;
    case oids.subjectKeyId:
      known.subjectKeyId ??= readSubjectKeyId(value);
      return true;
    case oids.authorityKeyId: {
      const keyId = authorityKeyIdOf(value);
      if (keyId !== undefined) known.authorityKeyId ??= keyId;
      return true;
    }
    case oids.nameConstraints:
      known.nameConstraints ??= readNameConstraints(value);
      return true;
    default:
      return false;
  }
}

/** Names of the extensions that `extensions` marks critical, for lints about criticality. */
export function isCritical(extensions: readonly Extension[], oid: string): boolean {
  return extensions.some((extension) => extension.oid === oid && extension.critical);
}
