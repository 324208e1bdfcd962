/**
 * The gate in front of every parser: bytes that pass are exactly one value in canonical DER (X.690 §8, §10, §11),
 * of bounded size, depth and number of nodes. What it lets through, any parser reads the same way.
 */
import { isUtf8 } from 'node:buffer';
import { derError, Header, type Tlv, tags } from './der-reader.ts';

export interface DerLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly maxNodes: number;
  /** Hold PrintableString to its characters. Old authorities' names break that rule, so only CSRs are held to it. */
  readonly strictText: boolean;
}

/** No OID in use is near this; a longer one is an attack on whoever prints it. */
const maxOidBytes = 64;

/** Throws DER_MALFORMED, naming the broken rule and its offset, unless `bytes` is one canonical value. */
export function checkDer(bytes: Uint8Array, limits: DerLimits): void {
  if (bytes.length > limits.maxBytes) throw derError(`longer than ${limits.maxBytes} bytes`, limits.maxBytes);
  if (bytes.length === 0) throw derError('empty', 0);
  const end = new Walk(bytes, limits).one(0, bytes.length, 1);
  if (end !== bytes.length) throw derError('trailing bytes', end);
}

class Walk {
  readonly #bytes: Uint8Array;
  readonly #limits: DerLimits;
  /** One header for the whole walk: a gate that allocates for every value is most of the cost of a small CSR. */
  readonly #header = new Header();
  #nodes = 0;

  constructor(bytes: Uint8Array, limits: DerLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  /** Checks the value at `at` and everything in it; returns where it ends. */
  one(at: number, limit: number, depth: number): number {
    if (depth > this.#limits.maxDepth) throw derError(`deeper than ${this.#limits.maxDepth} levels`, at);
    if (++this.#nodes > this.#limits.maxNodes)
      throw derError(`more than ${this.#limits.maxNodes} values`, at);
    const tlv = this.#header.read(this.#bytes, at, limit);
    const { valueStart, end } = tlv;
    if (isConstructed(tlv)) {
      for (let next = valueStart; next < end; ) next = this.one(next, end, depth + 1);
    } else {
      checkPrimitive(this.#bytes, tlv, this.#limits.strictText);
    }
    return end;
  }
}

function isConstructed(tlv: Tlv): boolean {
  const tagClass = tlv.tag & 0xc0;
  if (tagClass === 0x40 || tagClass === 0xc0) throw derError('application or private tag', tlv.start);
  const constructed = (tlv.tag & 0x20) !== 0;
  if (tagClass === 0 && constructed && tlv.tag !== tags.sequence && tlv.tag !== tags.set)
    throw derError('a string type in constructed form', tlv.start);
  return constructed;
}

function checkPrimitive(bytes: Uint8Array, tlv: Tlv, strictText: boolean): void {
  if (tlv.tag >= 0x80) return;
  switch (tlv.tag) {
    case tags.octetString:
    case tags.t61String:
      return;
    case tags.boolean:
      return checkBoolean(bytes, tlv);
    case tags.integer:
    case tags.enumerated:
      return checkInteger(bytes, tlv);
    case tags.bitString:
      return checkBitString(bytes, tlv);
    case tags.null:
      if (tlv.end !== tlv.valueStart) throw derError('NULL with content', tlv.start);
      return;
    case tags.oid:
      return checkOid(bytes, tlv);
    case tags.utcTime:
    case tags.generalizedTime:
      return checkTime(bytes, tlv);
    default:
      return checkText(bytes, tlv, strictText);
  }
}

function checkBoolean(bytes: Uint8Array, tlv: Tlv): void {
  const value = bytes[tlv.valueStart];
  if (tlv.end - tlv.valueStart !== 1 || (value !== 0x00 && value !== 0xff))
    throw derError('BOOLEAN is neither 00 nor FF', tlv.start);
}

function checkInteger(bytes: Uint8Array, tlv: Tlv): void {
  const length = tlv.end - tlv.valueStart;
  if (length === 0) throw derError('INTEGER without content', tlv.start);
  const first = bytes[tlv.valueStart] as number;
  const second = bytes[tlv.valueStart + 1] as number;
  if (length > 1 && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw derError('INTEGER not in its shortest form', tlv.start);
}

function checkBitString(bytes: Uint8Array, tlv: Tlv): void {
  const length = tlv.end - tlv.valueStart;
  if (length === 0) throw derError('BIT STRING without content', tlv.start);
  const unused = bytes[tlv.valueStart] as number;
  if (unused > 7 || (unused > 0 && length === 1))
    throw derError('BIT STRING with bad unused bits', tlv.start);
  const last = bytes[tlv.end - 1] as number;
  if (unused > 0 && (last & ((1 << unused) - 1)) !== 0)
    throw derError('BIT STRING with unused bits that are set', tlv.start);
}

function checkOid(bytes: Uint8Array, tlv: Tlv): void {
  const length = tlv.end - tlv.valueStart;
  if (length === 0 || length > maxOidBytes) throw derError('OID of a bad length', tlv.start);
  let atArcStart = true;
  for (let i = tlv.valueStart; i < tlv.end; i++) {
    const byte = bytes[i] as number;
    if (atArcStart && byte === 0x80) throw derError('OID arc not in its shortest form', tlv.start);
    atArcStart = byte < 0x80;
  }
  if (!atArcStart) throw derError('OID ends inside an arc', tlv.start);
}

/** DER times are digits and a Z: 13 characters for UTCTime, 15 for GeneralizedTime (RFC 5280 §4.1.2.5). */
function checkTime(bytes: Uint8Array, tlv: Tlv): void {
  const digits = tlv.tag === tags.utcTime ? 12 : 14;
  if (tlv.end - tlv.valueStart !== digits + 1 || bytes[tlv.end - 1] !== 0x5a)
    throw derError('time not written as seconds in UTC', tlv.start);
  for (let i = tlv.valueStart; i < tlv.end - 1; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x30 || byte > 0x39) throw derError('time with something else than digits', tlv.start);
  }
}

function checkText(bytes: Uint8Array, tlv: Tlv, strict: boolean): void {
  switch (tlv.tag) {
    case tags.utf8String:
      if (!isUtf8(bytes.subarray(tlv.valueStart, tlv.end)))
        throw derError('UTF8String that is not UTF-8', tlv.start);
      return;
    case tags.printableString:
      return requireEach(bytes, tlv, strict ? isPrintable : isAscii);
    case tags.ia5String:
    case tags.visibleString:
      return requireEach(bytes, tlv, isAscii);
    case tags.numericString:
      return requireEach(bytes, tlv, isNumeric);
    case tags.bmpString:
      if ((tlv.end - tlv.valueStart) % 2 !== 0) throw derError('BMPString of odd length', tlv.start);
      return;
    case tags.universalString:
      if ((tlv.end - tlv.valueStart) % 4 !== 0) throw derError('UniversalString of a bad length', tlv.start);
      return;
    default:
      throw derError('a type that X.509 does not use', tlv.start);
  }
}

function requireEach(bytes: Uint8Array, tlv: Tlv, isAllowed: (c: number) => boolean): void {
  for (let i = tlv.valueStart; i < tlv.end; i++)
    if (!isAllowed(bytes[i] as number)) throw derError('a string with characters of another type', tlv.start);
}

const isAscii = (c: number): boolean => c < 0x80;
const isNumeric = (c: number): boolean => c === 0x20 || (c >= 0x30 && c <= 0x39);

const printable = new Set(
  new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"),
);
const isPrintable = (c: number): boolean => printable.has(c);
