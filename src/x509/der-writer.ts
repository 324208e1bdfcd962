import { utf8 } from '../base/bytes.ts';
import { tags } from './der-reader.ts';

const slabBytes = 8192;
let slab = new Uint8Array(slabBytes);
let slabUsed = 0;

/** A small buffer cut from a larger one: a typed array with memory of its own costs more than all the copying. */
function allocate(size: number): Uint8Array {
  if (size > slabBytes / 4) return new Uint8Array(size);
  if (slabUsed + size > slabBytes) {
    slab = new Uint8Array(slabBytes);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}

/** Header octets of a value of `length` bytes, the length in its shortest form. */
export function derHeader(tag: number, length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(tag, length);
  if (length < 0x100) return Uint8Array.of(tag, 0x81, length);
  if (length < 0x10000) return Uint8Array.of(tag, 0x82, length >> 8, length & 0xff);
  if (length < 0x1000000) return Uint8Array.of(tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff);
  throw new TypeError(`a value of ${length} bytes is not written here`);
}

export function derValue(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = derHeader(tag, length);
  const whole = allocate(header.length + length);
  whole.set(header);
  let at = header.length;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const derSequence = (...members: readonly Uint8Array[]): Uint8Array =>
  derValue(tags.sequence, ...members);
export const derSet = (...members: readonly Uint8Array[]): Uint8Array => derValue(tags.set, ...members);
export const derOctetString = (content: Uint8Array): Uint8Array => derValue(tags.octetString, content);
export const derBitString = (content: Uint8Array, unusedBits = 0): Uint8Array =>
  derValue(tags.bitString, Uint8Array.of(unusedBits), content);
export const derTrue = Uint8Array.of(tags.boolean, 1, 0xff);
export const derNull = Uint8Array.of(tags.null, 0);

/** A non-negative INTEGER from big-endian bytes, in its shortest form. */
export function derUnsigned(magnitude: Uint8Array): Uint8Array {
  let from = 0;
  while (from < magnitude.length - 1 && magnitude[from] === 0) from++;
  const body = magnitude.subarray(from);
  const first = body[0];
  if (first === undefined) return Uint8Array.of(tags.integer, 1, 0);
  return first >= 0x80 ? derValue(tags.integer, Uint8Array.of(0), body) : derValue(tags.integer, body);
}

export function derOid(dotted: string): Uint8Array {
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const octets: number[] = [];
  for (const arc of [first * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...groups);
  }
  return derValue(tags.oid, Uint8Array.from(octets));
}

export const derUtf8String = (text: string): Uint8Array => derValue(tags.utf8String, utf8(text));

/**
 * Writes DER from its end to its beginning: when a header is written, what it measures is already there. Used where
 * many certificates are built, since every byte is copied once.
 */
export class BackwardWriter {
  #bytes: Uint8Array;
  #at: number;

  constructor(capacity: number) {
    this.#bytes = allocate(capacity);
    this.#at = capacity;
  }

  /** How many bytes stand written: a mark for `wrap`. */
  get length(): number {
    return this.#bytes.length - this.#at;
  }

  /** Puts `part` before everything written so far. */
  put(part: Uint8Array): void {
    const { length } = part;
    this.#reserve(length);
    this.#at -= length;
    if (length > 24) this.#bytes.set(part, this.#at);
    else for (let i = 0; i < length; i++) this.#bytes[this.#at + i] = part[i] as number;
  }

  /** Puts printable ASCII. */
  putAscii(text: string): void {
    this.#reserve(text.length);
    this.#at -= text.length;
    for (let i = 0; i < text.length; i++) this.#bytes[this.#at + i] = text.charCodeAt(i) & 0xff;
  }

  /** Puts the header of a value whose content is what was written since `mark`. */
  wrap(tag: number, mark: number): void {
    const length = this.length - mark;
    if (length >= 0x80) return this.put(derHeader(tag, length));
    this.#reserve(2);
    this.#at -= 2;
    this.#bytes[this.#at] = tag;
    this.#bytes[this.#at + 1] = length;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  #reserve(length: number): void {
    if (length <= this.#at) return;
    const grown = new Uint8Array(2 * (this.#bytes.length + length));
    const written = this.finish();
    grown.set(written, grown.length - written.length);
    this.#at = grown.length - written.length;
    this.#bytes = grown;
  }
}
