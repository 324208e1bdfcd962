import { hash } from 'node:crypto';
import { equalBytes, toHex } from '../base/bytes.ts';
import { isCastellanError } from '../base/errors.ts';
import { type Certificate, serialHex } from './certificate.ts';
import { checkDer } from './der-gate.ts';
import { contextConstructed, DerCursor, oidText, tags } from './der-reader.ts';
import { x509Errors } from './errors.ts';
import { type Extension, findDuplicate, readAuthorityKeyId, readExtensions } from './extensions.ts';
import { crlLimits, maxCrlPemChars } from './limits.ts';
import { readName } from './name.ts';
import { oids } from './oids.ts';
import { readManyPem } from './pem.ts';
import { findSignatureAlgorithm, type SignatureAlgorithm, verifySignature } from './signature-algorithm.ts';
import { readTime } from './time.ts';

interface CrlFields {
  readonly der: Uint8Array;
  readonly tbsDer: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly issuerDer: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
  readonly number: bigint | undefined;
  readonly serials: ReadonlySet<string>;
}

/** A complete v2 CRL of one issuer. Its signature is checked by `isIssuedBy`, once for each issuer. */
export class Crl {
  readonly der: Uint8Array;
  readonly sha256: string;
  readonly issuerDer: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  /** Rises with every list of its issuer; absent where the issuer does not count. */
  readonly number: bigint | undefined;
  /** How many serials it lists. */
  readonly size: number;
  readonly #fields: CrlFields;
  readonly #issuers = new Map<string, boolean>();

  constructor(fields: CrlFields) {
    this.#fields = fields;
    this.der = fields.der;
    this.sha256 = hash('sha256', fields.der, 'hex');
    this.issuerDer = fields.issuerDer;
    this.thisUpdate = fields.thisUpdate;
    this.nextUpdate = fields.nextUpdate;
    this.number = fields.number;
    this.size = fields.serials.size;
    Object.freeze(this);
  }

  /** `serial` in lower-case hex, as `Certificate.serial`. */
  isRevoked(serial: string): boolean {
    return this.#fields.serials.has(serial);
  }

  isCurrent(now: number): boolean {
    return this.thisUpdate <= now && (this.nextUpdate === undefined || now < this.nextUpdate + 1000);
  }

  /** True when `issuer` has the CRL's issuer name, may sign CRLs, and its key made the signature. */
  isIssuedBy(issuer: Certificate): boolean {
    if (!equalBytes(this.issuerDer, issuer.subjectDer)) return false;
    if (!issuer.isCa || (issuer.keyUsage !== undefined && !issuer.keyUsage.has('cRLSign'))) return false;
    const known = this.#issuers.get(issuer.publicKey.spkiSha256);
    if (known !== undefined) return known;
    const { signatureAlgorithm, tbsDer, signature } = this.#fields;
    const verifies = verifySignature(signatureAlgorithm, issuer.publicKey, { data: tbsDer, signature });
    if (this.#issuers.size < maxRemembered) this.#issuers.set(issuer.publicKey.spkiSha256, verifies);
    return verifies;
  }
}

/** Only keys whose name fits are remembered, yet a hostile chain can bring many of one name. */
const maxRemembered = 64;

/** Reads one CRL. Throws CRL_MALFORMED; delta and partitioned lists are refused, since they say too little. */
export function parseCrl(der: Uint8Array): Crl {
  try {
    checkDer(der, crlLimits);
    return new Crl(readCrl(der));
  } catch (error) {
    if (!isCastellanError(error, 'DER_MALFORMED')) throw error;
    throw malformed(error.message.replace('not canonical DER: ', ''));
  }
}

/** Every `X509 CRL` block of a file such as `ca-crl.pem`, in order. */
export function parseCrlsPem(pem: string): Crl[] {
  if (pem.length > maxCrlPemChars) throw malformed('the file is too large');
  return readManyPem(pem, 'X509 CRL', 256).map(parseCrl);
}

function malformed(problem: string): Error {
  return x509Errors.CRL_MALFORMED({ message: `not an acceptable CRL: ${problem}`, details: { problem } });
}

/** RFC 5280 §5.1. */
function readCrl(der: Uint8Array): CrlFields {
  const outer = new DerCursor(der).enter(tags.sequence, 'the list');
  const signed = outer.expect(tags.sequence, 'the signed part');
  const algorithm = outer.raw(outer.expect(tags.sequence, 'the signature algorithm'));
  const signature = outer.wholeBits(outer.expect(tags.bitString, 'the signature'), 'the signature');
  outer.finish('the list');

  const tbs = outer.inside(signed);
  const version = tbs.expect(tags.integer, 'the version');
  if (version.end - version.valueStart !== 1 || der[version.valueStart] !== 1)
    throw malformed('it is not version 2');
  if (!equalBytes(tbs.raw(tbs.expect(tags.sequence, 'the signature algorithm')), algorithm))
    throw malformed('its signature algorithm differs inside and outside');
  const signatureAlgorithm = findSignatureAlgorithm(algorithm);
  if (signatureAlgorithm === undefined) throw malformed('its signature algorithm is not allowed');
  const issuerDer = tbs.raw(tbs.expect(tags.sequence, 'the issuer'));
  readName(issuerDer);
  const thisUpdate = readTime(der, tbs.next('thisUpdate'));
  const next = tbs.optional(tags.utcTime) ?? tbs.optional(tags.generalizedTime);
  const revoked = tbs.optional(tags.sequence);
  const wrapped = tbs.optional(contextConstructed(0));
  tbs.finish('the signed part');
  const extensions =
    wrapped === undefined ? [] : readExtensions(tbs.inside(wrapped).enter(tags.sequence, 'the extensions'));
  return {
    der,
    tbsDer: outer.raw(signed),
    signatureAlgorithm,
    signature,
    issuerDer,
    thisUpdate,
    nextUpdate: next === undefined ? undefined : readTime(der, next),
    authorityKeyId: checkExtensions(extensions),
    number: readCrlNumber(extensions),
    serials: revoked === undefined ? new Set() : readSerials(tbs.inside(revoked)),
  };
}

const knownExtensions: ReadonlySet<string> = new Set([oids.authorityKeyId, oids.crlNumber]);

function checkExtensions(extensions: readonly Extension[]): Uint8Array | undefined {
  const twice = findDuplicate(extensions);
  if (twice !== undefined) throw malformed(`the extension \`${twice}\` occurs twice`);
  const unknown = extensions.find(({ oid, critical }) => critical && !knownExtensions.has(oid));
  if (unknown !== undefined) throw malformed(`the critical extension \`${unknown.oid}\` is not known here`);
  const keyId = extensions.find(({ oid }) => oid === oids.authorityKeyId);
  return keyId === undefined ? undefined : readAuthorityKeyId(keyId.value);
}

/** A number that is not one says nothing: it does not make the list wrong. */
function readCrlNumber(extensions: readonly Extension[]): bigint | undefined {
  const found = extensions.find(({ oid }) => oid === oids.crlNumber);
  if (found === undefined) return undefined;
  const cursor = new DerCursor(found.value);
  const digits = cursor.atEnd ? undefined : cursor.optional(tags.integer);
  if (digits === undefined || digits.end - digits.valueStart > 20) return undefined;
  return BigInt(`0x${toHex(found.value.subarray(digits.valueStart, digits.end))}`);
}

/** An entry with a critical extension (an indirect CRL, say) would be misread, so the list is refused. */
function readSerials(list: DerCursor): Set<string> {
  const serials = new Set<string>();
  while (!list.atEnd) {
    const entry = list.enter(tags.sequence, 'an entry');
    const serial = entry.expect(tags.integer, 'a serial number');
    readTime(list.bytes, entry.next('a revocation date'));
    if (!entry.atEnd) checkEntryExtensions(entry.enter(tags.sequence, 'entry extensions'));
    entry.finish('an entry');
    serials.add(serialHex(entry.value(serial)));
  }
  return serials;
}

function checkEntryExtensions(list: DerCursor): void {
  while (!list.atEnd) {
    const member = list.enter(tags.sequence, 'an extension');
    const oid = member.expect(tags.oid, 'an extension type');
    if (member.optional(tags.boolean) !== undefined)
      throw malformed(
        `the critical entry extension \`${oidText(list.bytes, oid.valueStart, oid.end)}\` is not known here`,
      );
  }
}
