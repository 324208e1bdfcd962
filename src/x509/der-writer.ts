import { concatBytes, utf8 } from '../base/bytes.ts';
import { tags } from './der-reader.ts';

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
  return concatBytes([derHeader(tag, length), ...parts]);
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
