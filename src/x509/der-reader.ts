import { x509Errors } from './errors.ts';

/** One tag-length-value: offsets into the buffer it was read from. */
export interface Tlv {
  readonly tag: number;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/** The identifier octets we know. Context tags are computed: `context(0)`, `contextConstructed(0)`. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

export const context = (n: number): number => 0x80 | n;
export const contextConstructed = (n: number): number => 0xa0 | n;

export function derError(rule: string, offset: number): Error {
  return x509Errors.DER_MALFORMED({
    message: `not canonical DER: ${rule} at byte ${offset}`,
    details: { rule, offset },
  });
}

/**
 * Reads one header: low tag number, definite length in its shortest form (X.690 §10.1), value inside `limit`.
 * Every reader of ours goes through here, so none of them can be talked into another reading of a length.
 */
export function readTlv(bytes: Uint8Array, at: number, limit: number): Tlv {
  if (at + 2 > limit) throw derError('truncated header', at);
  const tag = bytes[at] as number;
  if ((tag & 0x1f) === 0x1f) throw derError('long-form tag', at);
  const first = bytes[at + 1] as number;
  let length = first;
  let valueStart = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0) throw derError('indefinite length', at);
    if (count > 4) throw derError('length of more than four bytes', at);
    if (valueStart + count > limit) throw derError('truncated length', at);
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[valueStart + i] as number);
    if (length < 0x80 || length < 256 ** (count - 1)) throw derError('length not in its shortest form', at);
    valueStart += count;
  }
  const end = valueStart + length;
  if (end > limit) throw derError('value longer than what holds it', at);
  return { tag, start: at, valueStart, end };
}

/** Walks the members of one constructed value in order. Throws DER_MALFORMED when they are not as expected. */
export class DerCursor {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  next(what: string): Tlv {
    if (this.atEnd) throw derError(`${what} is missing`, this.#at);
    const tlv = readTlv(this.bytes, this.#at, this.#end);
    this.#at = tlv.end;
    return tlv;
  }

  expect(tag: number, what: string): Tlv {
    const tlv = this.next(what);
    if (tlv.tag !== tag) throw derError(`${what} has the wrong type`, tlv.start);
    return tlv;
  }

  /** The next member when it has this tag, else undefined and nothing is consumed. */
  optional(tag: number): Tlv | undefined {
    if (this.atEnd || this.bytes[this.#at] !== tag) return undefined;
    return this.next('an optional member');
  }

  /** A cursor over the members of the next value. */
  enter(tag: number, what: string): DerCursor {
    return this.inside(this.expect(tag, what));
  }

  inside(tlv: Tlv): DerCursor {
    return new DerCursor(this.bytes, tlv.valueStart, tlv.end);
  }

  finish(what: string): void {
    if (!this.atEnd) throw derError(`${what} has more members than it may`, this.#at);
  }

  value(tlv: Tlv): Uint8Array {
    return this.bytes.subarray(tlv.valueStart, tlv.end);
  }

  raw(tlv: Tlv): Uint8Array {
    return this.bytes.subarray(tlv.start, tlv.end);
  }

  /** The bytes of a BIT STRING that has no unused bits. */
  wholeBits(tlv: Tlv, what: string): Uint8Array {
    if (tlv.end === tlv.valueStart || this.bytes[tlv.valueStart] !== 0)
      throw derError(`${what} has unused bits`, tlv.start);
    return this.bytes.subarray(tlv.valueStart + 1, tlv.end);
  }
}

/** An OBJECT IDENTIFIER's content octets in dotted form; arcs of any size stay exact (no 32-bit truncation). */
export function oidText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let arc = 0;
  let big: bigint | undefined;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (big === undefined && arc > 2 ** 45) big = BigInt(arc);
    if (big === undefined) arc = arc * 128 + (byte & 0x7f);
    else big = (big << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    if (text !== '') text += `.${big ?? arc}`;
    else if (big !== undefined) text = `2.${big - 80n}`;
    else text = arc < 80 ? `${Math.floor(arc / 40)}.${arc % 40}` : `2.${arc - 80}`;
    arc = 0;
    big = undefined;
  }
  return text;
}
