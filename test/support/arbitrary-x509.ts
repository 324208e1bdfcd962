/** What property tests draw: SPIFFE IDs, serials, validities, names and keys as they may occur. */
import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { day, newKey, testNow } from './pki.ts';

/** Keys are made once: making them costs more than everything else in a run. */
export const workloadKeys: readonly KeyObject[] = [
  ...Array.from({ length: 6 }, () => newKey()),
  newKey('P-384'),
  newKey('P-384'),
  newKey('RSA'),
  newKey('RSA', 3072),
];

export const anyKey = fc.constantFrom(...workloadKeys);

const segment = fc.stringMatching(/^[a-zA-Z0-9._-]{1,24}$/).filter((s) => s !== '.' && s !== '..');
export const anyPath = fc
  .array(segment, { minLength: 1, maxLength: 6 })
  .map((parts) => `/${parts.join('/')}`);

/** 1 to 20 octets, positive; the first may be zero. */
export const anySerial = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((octets) => {
    octets[0] = (octets[0] as number) & 0x7f;
    return octets;
  })
  .filter((octets) => octets.some((octet) => octet !== 0));

/** Both ends around `testNow`, some beyond 2049, down to the second. */
export const anyValidity = fc.record({
  notBefore: fc.integer({ min: testNow - 40 * day, max: testNow }),
  notAfter: fc.oneof(
    fc.integer({ min: testNow + 1000, max: testNow + 40 * day }),
    fc.integer({ min: Date.UTC(2049, 11, 1), max: Date.UTC(2050, 2, 1) }),
  ),
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
export const anyDnsName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
export const anyIp = fc.oneof(fc.ipV4(), fc.constantFrom('::1', '2001:db8::1', 'fe80::1:2', 'ff02::'));
