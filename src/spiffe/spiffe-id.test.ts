import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReservedId, isTrustDomain, SpiffeId, workloadAccount } from './index.ts';

const refuse = (text: string) =>
  expect(() => SpiffeId.parse(text)).toThrow(expect.objectContaining({ code: 'SPIFFE_ID_MALFORMED' }));

describe('a SPIFFE ID', () => {
  it.each([
    ['the scheme is spiffe', 'https://td/a', 'spiffe:ID-01'],
    ['the trust domain is not empty', 'spiffe:///a', 'spiffe:ID-02'],
    ['there is no query', 'spiffe://td/a?b', 'spiffe:ID-03 adv:C35'],
    ['there is no fragment', 'spiffe://td/a#b', 'spiffe:ID-04'],
    ['there is no userinfo', 'spiffe://user@td/a', 'spiffe:ID-05'],
    ['there is no port', 'spiffe://td:443/a', 'spiffe:ID-06'],
    ['the host is lower case', 'spiffe://TD/a', 'spiffe:ID-07 adv:C33'],
    ['the scheme is lower case', 'SPIFFE://td/a', 'spiffe:ID-18'],
    ['the host keeps to its characters', 'spiffe://t!d/a', 'spiffe:ID-08'],
    ['the host has no percent-encoding', 'spiffe://t%64/a', 'spiffe:ID-09 adv:C31'],
    ['the host is not IPv6', 'spiffe://[::1]/a', 'spiffe:ID-10'],
    ['the path has no percent-encoding', 'spiffe://td/a%2fb', 'spiffe:ID-11'],
    ['no segment is empty', 'spiffe://td/a//b', 'spiffe:ID-12 adv:C34'],
    ['no segment is a dot', 'spiffe://td/./b', 'spiffe:ID-12'],
    ['no segment is two dots', 'spiffe://td/../b', 'spiffe:ID-12'],
    ['there is no trailing slash', 'spiffe://td/a/', 'spiffe:ID-13'],
    ['there is no bare slash', 'spiffe://td/', 'spiffe:ID-13'],
    ['segments keep to their characters', 'spiffe://td/a+b', 'spiffe:ID-14 adv:C38'],
    ['NUL is refused', 'spiffe://td/ns/a\0b', 'adv:C30 policy:7/CVE-2025-66220'],
    ['homoglyphs are refused', 'spiffe://tԁ/a', 'adv:C32'],
  ])('is refused unless %s: %j (%s)', (_rule, text) => refuse(text));

  it('may be 2048 bytes and no longer, its trust domain 255 (spiffe:ID-15 spiffe:ID-16 spiffe:ID-17 adv:C36)', () => {
    const longest = `spiffe://td/${'a'.repeat(2048 - 12)}`;
    expect(SpiffeId.parse(longest).uri).toHaveLength(2048);
    refuse(`${longest}a`);
    expect(SpiffeId.parse(`spiffe://${'t'.repeat(255)}/a`).trustDomain).toHaveLength(255);
    refuse(`spiffe://${'t'.repeat(256)}/a`);
  });

  it('treats IPv4-like and punycode trust domains as plain names (spiffe:ID-10 adv:C32)', () => {
    expect(SpiffeId.parse('spiffe://10.0.0.1/a').trustDomain).toBe('10.0.0.1');
    expect(isTrustDomain('xn--bcher-kva.example')).toBe(true);
  });

  it('is never equal to one whose trust domain only begins alike (adv:C37)', () => {
    expect(SpiffeId.parse('spiffe://td/a').equals(SpiffeId.parse('spiffe://td.evil/a'))).toBe(false);
  });

  it('splits into trust domain and path and prints as it was read', () => {
    const segment = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9_-]{1,20}$/),
        fc.array(segment, { maxLength: 6 }),
        (td, path) => {
          const text = `spiffe://${td}${path.map((s) => `/${s}`).join('')}`;
          const id = SpiffeId.parse(text);
          expect([id.uri, id.trustDomain, id.segments]).toEqual([text, td, path]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('names a namespace and account only in the exact Istio shape', () => {
    expect(workloadAccount(SpiffeId.parse('spiffe://td/ns/shop/sa/cart'))).toEqual({
      namespace: 'shop',
      serviceAccount: 'cart',
    });
    expect(workloadAccount(SpiffeId.parse('spiffe://td/ns/shop/sa/cart/x'))).toBeUndefined();
  });

  it('is reserved under /castellan, and not under a name that only begins so', () => {
    expect(isReservedId(SpiffeId.parse('spiffe://td/castellan/agent/x'))).toBe(true);
    expect(isReservedId(SpiffeId.parse('spiffe://td/castellanx'))).toBe(false);
  });
});
