import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIp, parseIp } from './ip-address.ts';

describe('IP addresses in certificates', () => {
  it('survive being written and read', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(fc.constantFrom(0, 0, 0, 1), { minLength: 16, maxLength: 16 }).map((a) => Uint8Array.from(a)),
    );
    fc.assert(
      fc.property(octets, (bytes) => {
        const text = formatIp(bytes);
        const isMapped = text.startsWith('::ffff:');
        if (!isMapped) expect([...parseIp(text)]).toEqual([...bytes]);
        // Node (inet_ntop) writes the same text, but for its dotted form of mapped and compatible addresses.
        const node = SocketAddress.parse(bytes.length === 4 ? `${text}:1` : `[${text}]:1`)?.address;
        if (node !== undefined && !node.includes('.', 2)) expect(text).toBe(node);
      }),
      { numRuns: 100 },
    );
  });

  it('of version 4 inside version 6 become four octets, as Istio writes them', () => {
    expect([...parseIp('::ffff:10.0.0.1')]).toEqual([10, 0, 0, 1]);
    expect([...parseIp('::ffff:a00:1')]).toEqual([10, 0, 0, 1]);
  });

  it('compress the longest run of zeros, the first of equal ones', () => {
    expect(formatIp(parseIp('2001:0:0:1:0:0:0:1'))).toBe('2001:0:0:1::1');
    expect(formatIp(parseIp('2001:db8:0:1:1:1:1:1'))).toBe('2001:db8:0:1:1:1:1:1');
    expect(formatIp(parseIp('::'))).toBe('::');
    expect(formatIp(parseIp('1::'))).toBe('1::');
  });

  it.each([
    '',
    '10.0.0',
    '10.0.0.1.2',
    '010.0.0.1',
    '10.0.0.256',
    '10.0.0.1 ',
    '0x0a.0.0.1',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7',
    '1::2::3',
    '12345::',
    'g::',
    '::1%eth0',
    '1:2:3:4:5:6:7::8',
    '::10.0.0.1.1',
    '1.2.3.4::',
    ':1::2',
  ])('%j is refused', (text) => {
    expect(() => parseIp(text)).toThrow(expect.objectContaining({ code: 'IP_ADDRESS_MALFORMED' }));
  });
});
