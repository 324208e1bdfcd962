/**
 * Reads protobuf messages field by field, for requests of which every one waits: making message objects first costs
 * several times as much. Strict where the generated code is lenient: a known field of another wire type, a group, text
 * that is not UTF-8 and a length beyond its message are refused. A test compares it with the generated code.
 */

/** The bytes are no message of the expected type. */
export class UnreadableMessage extends Error {}

/** Tags of fields, as they stand before each value. */
export const varintTag = (field: number): number => field << 3;
export const delimitedTag = (field: number): number => (field << 3) | 2;

/** A set of field numbers below 32, as bits. */
export const fieldSet = (...fields: readonly number[]): number =>
  fields.reduce((set, field) => set | (1 << field), 0);

/** Up to this size texts are cut out of one that holds the whole message, and keep it alive. */
const mostShared = 8 * 1024;
const highestTag = 2 ** 32 - 1;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `end` is always where the message that is being read ends: an offset within the bytes. */
export class MessageReader {
  readonly #bytes: Buffer;
  readonly #whole: string | undefined;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#whole = bytes.length <= mostShared ? this.#bytes.toString('latin1') : undefined;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The tag of the next field; 0 when there is none. */
  next(end: number): number {
    if (this.#at >= end) return 0;
    const tag = this.varint(end);
    if (tag < 8 || tag > highestTag) throw new UnreadableMessage('a field has no valid number');
    return tag;
  }

  /** Goes into a message; returns where it ends. */
  enter(end: number): number {
    const length = this.varint(end);
    if (length > end - this.#at) throw new UnreadableMessage('a field is longer than its message');
    return this.#at + length;
  }

  /** Text that may keep some kilobytes of message alive: for what ends with the request. */
  text(end: number): string {
    const to = this.enter(end);
    const from = this.#at;
    if (!this.#isAscii(from, to)) return this.#unicode(to);
    this.#at = to;
    return this.#whole === undefined
      ? this.#bytes.toString('latin1', from, to)
      : this.#whole.substring(from, to);
  }

  /** Text of its own, for what may be remembered. */
  ownText(end: number): string {
    const to = this.enter(end);
    const from = this.#at;
    if (!this.#isAscii(from, to)) return this.#unicode(to);
    this.#at = to;
    return this.#bytes.toString('latin1', from, to);
  }

  /** Not copied. */
  bytes(end: number): Uint8Array {
    const to = this.enter(end);
    const bytes = this.#bytes.subarray(this.#at, to);
    this.#at = to;
    return bytes;
  }

  /** Non-negative; above 2^53 only its size is right. */
  varint(end: number): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 10; i++) {
      if (this.#at >= end) break;
      const byte = this.#bytes[this.#at++] as number;
      if (byte < 0x80) return value + byte * unit;
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
    }
    throw new UnreadableMessage('a number does not end');
  }

  /** Passes over a field that nobody asks for; one of the `known` fields here has the wrong wire type. */
  skip(tag: number, end: number, known: number): void {
    const field = Math.floor(tag / 8);
    if (field < 32 && (known & (1 << field)) !== 0)
      throw new UnreadableMessage(`field ${field} has another type`);
    switch (tag & 7) {
      case 0:
        this.varint(end);
        return;
      case 1:
        return this.#pass(8, end);
      case 2:
        this.#at = this.enter(end);
        return;
      case 5:
        return this.#pass(4, end);
      default:
        throw new UnreadableMessage('a field has a wire type that is no longer used');
    }
  }

  #pass(length: number, end: number): void {
    if (length > end - this.#at) throw new UnreadableMessage('a field is longer than its message');
    this.#at += length;
  }

  #isAscii(from: number, to: number): boolean {
    const bytes = this.#bytes;
    for (let i = from; i < to; i++) if ((bytes[i] as number) >= 0x80) return false;
    return true;
  }

  #unicode(to: number): string {
    const bytes = this.#bytes.subarray(this.#at, to);
    this.#at = to;
    try {
      return utf8.decode(bytes);
    } catch {
      throw new UnreadableMessage('a text is not UTF-8');
    }
  }
}
