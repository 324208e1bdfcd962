import { randomBytes } from 'node:crypto';
import type { Random } from '../../base/random.ts';

const poolSize = 4096;
const longestFromPool = 64;

/**
 * The kernel's randomness. Short draws come from a pool, each byte once and wiped as it leaves: a serial or a request
 * id would else pay for a draw of its own with every certificate.
 */
export function pooledRandom(draw: (length: number) => Uint8Array = randomBytes): Random {
  let pool = new Uint8Array(0);
  let used = 0;
  return {
    bytes(length) {
      if (length > longestFromPool) return new Uint8Array(draw(length));
      if (used + length > pool.length) {
        pool = new Uint8Array(draw(poolSize));
        used = 0;
      }
      const bytes = pool.slice(used, used + length);
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}

export const systemRandom: Random = pooledRandom();
