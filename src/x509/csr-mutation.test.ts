import { describe, expect, it } from 'vitest';
import { buildCsr } from '../../test/support/csr.ts';
import { newKey } from '../../test/support/pki.ts';
import { isCastellanError } from '../base/errors.ts';
import { defaultKeyPolicy, formatPem, parseCsrDer, parseCsrPem } from './index.ts';

const der = buildCsr(newKey(), { uri: 'spiffe://cluster.local/ns/shop/sa/cart' });

/** The kind of the error, or `accepted`. */
function outcome(read: () => unknown): string {
  try {
    read();
    return 'accepted';
  } catch (error) {
    return isCastellanError(error) ? error.kind : `crash: ${String(error)}`;
  }
}

describe('a CSR that was damaged', () => {
  it('is invalid when cut at any byte (adv:C03)', () => {
    const outcomes = new Set(
      Array.from({ length: der.length }, (_, cut) =>
        outcome(() => parseCsrDer(der.subarray(0, cut), defaultKeyPolicy)),
      ),
    );
    expect([...outcomes]).toEqual(['invalid']);
  });

  it('is invalid when any one bit is flipped (adv:C04)', () => {
    const outcomes = new Map<string, string[]>();
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Uint8Array.from(der);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (0x80 >> (bit & 7));
      const seen = outcome(() => parseCsrDer(flipped, { ...defaultKeyPolicy, allowEd25519: true }));
      outcomes.set(seen, [...(outcomes.get(seen) ?? []), `bit ${bit}`]);
    }
    expect([...outcomes.keys()]).toEqual(['invalid']);
  });

  it('is invalid as PEM when cut at any character but the last line end (adv:C03)', () => {
    const pem = formatPem('CERTIFICATE REQUEST', der);
    for (let cut = 0; cut < pem.length - 1; cut++)
      expect(outcome(() => parseCsrPem(pem.slice(0, cut), defaultKeyPolicy))).toBe('invalid');
    expect(outcome(() => parseCsrPem(pem.slice(0, -1), defaultKeyPolicy))).toBe('accepted');
  });
});
