import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, ipFromBytes, parseCidr, parseIp, parseIpBlock } from './ip.ts';

describe('an IP address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::1'],
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s', (text, canonical) => {
    expect(parseIp(text)?.text).toBe(canonical);
  });

  it.each(['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:a9fe:a9fe'])(
    '%s is the IPv4 address that it maps (adv:O05)',
    (text) => {
      expect(parseIp(text)).toMatchObject({ version: 4, text: '169.254.169.254' });
    },
  );

  it.each([
    '',
    ' 10.0.0.1',
    '10.0.0.1 ',
    '010.1.1.1',
    '10.1',
    '10.1.1',
    '2130706433',
    '0x7f.0.0.1',
    '0x7f000001',
    '256.1.1.1',
    '1.2.3.4.5',
    '1.2.3.',
    '+1.2.3.4',
    '１.2.3.4',
    '[::1]',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '1:2:3:4:5:6:7',
    '12345::',
    '::1.2.3.4:1',
    '1.2.3.4::',
    '::ffff:1.2.3',
    'localhost',
  ])('%j is refused', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('survives being written and read again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 4, maxLength: 4 }),
          fc.uint8Array({ minLength: 16, maxLength: 16 }),
        ),
        (bytes) => {
          const ip = ipFromBytes(bytes);
          expect(parseIp(ip?.text ?? '')).toEqual(ip);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is not made from another number of bytes', () => {
    expect(ipFromBytes(new Uint8Array(5))).toBeUndefined();
  });
});

describe('a CIDR range', () => {
  const holds = (range: string, ip: string) => {
    const cidr = parseIpBlock(range);
    const address = parseIp(ip);
    if (!cidr || !address) throw new Error(`not readable: ${range} ${ip}`);
    return cidrContains(cidr, address);
  };

  it.each([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.128.0.0/9', '10.127.255.255', false],
    ['10.128.0.0/9', '10.128.0.0', true],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '1.2.3.4', false],
    ['10.0.0.0/8', '::ffff:10.1.1.1', true],
    ['::ffff:10.0.0.0/104', '10.1.1.1', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
  ])('%s holding %s is %s', (range, ip, expected) => {
    expect(holds(range, ip)).toBe(expected);
  });

  it('has its host bits cleared', () => {
    expect(parseCidr('10.1.2.3/8')?.text).toBe('10.0.0.0/8');
    expect(parseIpBlock('2001:db8::1')?.text).toBe('2001:db8::1/128');
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10/8',
    '::/129',
    '::ffff:10.0.0.0/64',
    '/8',
  ])('%j is refused', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
});
