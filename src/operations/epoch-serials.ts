import type { SerialSource } from '../authority/index.ts';
import { fromHex, toHex } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

/** What a serial says of its origin: from `StoreIdentity`. */
export interface SerialOrigin {
  /** The first byte of epoch 0, 1 to 127: instances of one CA have different ones. */
  readonly serialPrefix: number;
  readonly epoch: number;
  readonly restoredBackupAt?: number | undefined;
}

/** Longest back-dating (D5): a certificate may begin so long before it was issued. */
const longestBackdating = 120_000;
const prefixes = 127;

/** The first byte of serials of an epoch: 1 to 127, so that a serial is positive and 20 octets without padding. */
export function serialPrefixAt(origin: SerialOrigin, epoch = origin.epoch): number {
  return ((origin.serialPrefix - 1 + epoch) % prefixes) + 1;
}

/**
 * Draws serials of 20 octets (RFC 5280 §4.1.2.2): prefix of instance and epoch, 3 octets of time, 128 random bits. The
 * time makes neighbours in time neighbours in the index, so a million records do not slow the next one down; what
 * cannot be guessed is the 128 bits. A serial is used for one attempt only.
 */
export class EpochSerials implements SerialSource {
  readonly #prefix: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(origin: SerialOrigin, clock: Clock, random: Random) {
    this.#prefix = serialPrefixAt(origin);
    this.#clock = clock;
    this.#random = random;
  }

  next(): Uint8Array {
    const serial = new Uint8Array(20);
    const now = this.#clock.now();
    serial.set([this.#prefix, (now >>> 16) & 0xff, (now >>> 8) & 0xff, now & 0xff]);
    serial.set(this.#random.bytes(16), 4);
    return serial;
  }

  /** As records carry it. */
  nextHex(): string {
    return toHex(this.next());
  }
}

/** The epoch that drew this serial; undefined for one no epoch of this instance so far can have drawn. */
export function epochOfSerial(serial: string, origin: SerialOrigin): number | undefined {
  const bytes = fromHex(serial);
  const first = bytes[0];
  if (bytes.length !== 20 || first === undefined || first === 0 || first > prefixes) return undefined;
  const epoch = (first - origin.serialPrefix + prefixes) % prefixes;
  return epoch <= origin.epoch ? epoch : undefined;
}

/**
 * D9: after a restore, a certificate that verifies counts as on file when it is of an earlier epoch and began after
 * the backup. Its DER is then recorded at this first use.
 */
export function mayRecover(
  certificate: { readonly serial: string; readonly notBefore: number },
  origin: SerialOrigin,
): boolean {
  if (origin.restoredBackupAt === undefined) return false;
  const epoch = epochOfSerial(certificate.serial, origin);
  const began = certificate.notBefore > origin.restoredBackupAt - longestBackdating;
  return epoch !== undefined && epoch < origin.epoch && began;
}
