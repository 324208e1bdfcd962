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

/** The least length that needs so many octets. */
const shortestFor = [0, 0x80, 0x100, 0x10000, 0x1000000];

/**
 * Where a header is read to. `read` accepts a low tag number and a definite length in its shortest form (X.690
 * §10.1) whose value ends inside `limit`. Gate and cursors all read through here, so none of them can be talked into
 * another reading of a length.
 */
export class Header implements Tlv {
  tag = 0;
  start = 0;
  valueStart = 0;
  end = 0;

  read(bytes: Uint8Array, at: number, limit: number): this {
    if (at + 2 > limit) throw derError('truncated header', at);
    const tag = bytes[at] as number;
    if ((tag & 0x1f) === 0x1f) throw derError('long-form tag', at);
    this.tag = tag;
    this.start = at;
    const first = bytes[at + 1] as number;
    this.valueStart = at + 2;
    const length = first < 0x80 ? first : this.#longLength(bytes, first & 0x7f, limit);
    this.end = this.valueStart + length;
    if (this.end > limit) throw derError('value longer than what holds it', at);
    return this;
  }

  /** The length in `count` octets after the first; moves `valueStart` behind them. */
  #longLength(bytes: Uint8Array, count: number, limit: number): number {
    if (count === 0) throw derError('indefinite length', this.start);
    if (count > 4) throw derError('length of more than four bytes', this.start);
    if (this.valueStart + count > limit) throw derError('truncated length', this.start);
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[this.valueStart + i] as number);
    if (length < (shortestFor[count] as number))
      throw derError('length not in its shortest form', this.start);
    this.valueStart += count;
    return length;
  }
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
    const tlv = new Header().read(this.bytes, this.#at, this.#end);
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

/** Below 2.5.4 (name attributes) and 2.5.29 (extensions) stand nearly all that occur: their texts are ready. */
const directoryOids: Readonly<Record<number, readonly string[]>> = {
  4: Array.from({ length: 128 }, (_, n) => `2.5.4.${n}`),
  29: Array.from({ length: 128 }, (_, n) => `2.5.29.${n}`),
};

/** An OBJECT IDENTIFIER's content octets in dotted form; arcs of any size stay exact (no 32-bit truncation). */
export function oidText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 3 && bytes[start] === 0x55) {
    const known = directoryOids[bytes[start + 1] as number]?.[bytes[start + 2] as number];
    if (known !== undefined) return known;
  }
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

/** The same octets as a plain Uint8Array: parts of a Buffer are Buffers, which cost several times as much to make. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
}

/** Octets as text, one character each. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}
