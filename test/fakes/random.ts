import { createHash } from 'node:crypto';
import type { Random } from '../../src/base/random.ts';

/** Repeatable bytes: SHA-256 over seed and counter. */
export class FakeRandom implements Random {
  readonly #seed: string;
  #counter = 0;

  constructor(seed = 'castellan') {
    this.#seed = seed;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash('sha256')
        .update(`${this.#seed}/${this.#counter++}`)
        .digest();
      out.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return out;
  }
}
