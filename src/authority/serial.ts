import type { Random } from '../base/random.ts';
import type { SerialSource } from './ports.ts';

/** Random serials of 128 bits after one octet that keeps them positive: for CA certificates and tests. */
export function randomSerials(random: Random, prefix = 0x01): SerialSource {
  return {
    next() {
      const serial = new Uint8Array(17);
      serial[0] = prefix;
      serial.set(random.bytes(16), 1);
      return serial;
    },
  };
}

/** Enough to tell authorities apart in a metric's label. */
export function serialShort(serial: string): string {
  return serial.slice(-8);
}
