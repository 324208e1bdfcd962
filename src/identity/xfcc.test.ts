import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evidence } from '../../test/fakes/evidence.ts';
import { parseCidr } from '../base/ip.ts';
import { parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import { formatXfccElement, parseXfcc, type XfccElement, type XfccKey, xfccAuthenticator } from './index.ts';

const never = new AbortController().signal;
const trustDomain = parseTrustDomain('cluster.local');
const gateway = SpiffeId.parse('spiffe://cluster.local/ns/istio-system/sa/gateway');
const a = 'spiffe://cluster.local/ns/shop/sa/a';
const e = 'spiffe://cluster.local/ns/shop/sa/e';
const networks = ['10.1.0.0/16', '2001:db8::/32']
  .map((text) => parseCidr(text))
  .filter((cidr) => cidr !== undefined);

const ask = (
  xfcc: readonly string[],
  peerAddress = '10.1.2.3',
  extra: { proxies?: readonly SpiffeId[]; loopback?: boolean } = {},
) => {
  const { proxies, loopback } = extra;
  const trustedNetworks =
    loopback === true ? [parseCidr('127.0.0.0/8')].filter((cidr) => cidr !== undefined) : networks;
  const authenticator = xfccAuthenticator({ trustDomain, trustedNetworks, ...(proxies && { proxies }) });
  const transport = { peerAddress, peerIsLoopback: peerAddress.startsWith('127.') };
  return authenticator.authenticate(evidence({ xfcc, transport }), never);
};
const parse = (text: string) => {
  const result = parseXfcc(text);
  return result.ok ? result.elements.map((element) => Object.fromEntries(element)) : result.fault;
};

describe('x-forwarded-client-cert', () => {
  it('from a trusted network makes the caller its one URI', async () => {
    expect(await ask([`By=${gateway.uri};Hash=00ff;URI=${a}`])).toMatchObject({
      outcome: 'accepted',
      caller: { identities: [{ uri: a }], method: 'xfcc', subject: a },
    });
    expect(await ask([`URI=${a}`], '::ffff:10.1.2.3')).toMatchObject({ outcome: 'accepted' });
    expect(await ask([`URI=${a}`], '2001:db8::7')).toMatchObject({ outcome: 'accepted' });
  });

  it.each(['10.2.0.1', '192.0.2.1', '010.1.2.3', '10.1.2', '', 'unknown', '::1'])(
    'from %j is dropped (csr:A13 adv:M13)',
    async (peer) => {
      expect(await ask([`URI=${a}`], peer)).toMatchObject({
        outcome: 'rejected',
        reason: 'xfcc-untrusted-peer',
      });
    },
  );

  it('from loopback is believed only when loopback is listed (csr:A13)', async () => {
    expect(await ask([`URI=${a}`], '127.0.0.1')).toMatchObject({ reason: 'xfcc-untrusted-peer' });
    expect(await ask([`URI=${a}`], '127.0.0.1', { loopback: true })).toMatchObject({ outcome: 'accepted' });
  });

  it('of two hops is the word of the nearest: one URI, no DNS names, no subject (csr:A14 adv:Z34)', async () => {
    const first = `URI=${a};DNS=b;DNS=c;Subject="CN=d"`;
    expect(await ask([`${first},URI=${e}`])).toMatchObject({ caller: { identities: [{ uri: e }] } });
    expect(await ask([first, `URI=${e}`])).toMatchObject({ caller: { identities: [{ uri: e }] } });
    expect(await ask([`URI=${e},${first}`])).toMatchObject({ caller: { identities: [{ uri: a }] } });
    expect(await ask([`URI=${a},Subject="CN=d";DNS=c`])).toMatchObject({ reason: 'xfcc-not-one-uri' });
  });

  it('with two URIs in the element is nobody (csr:A14 adv:Z34)', async () => {
    expect(await ask([`URI=${a};URI=${e}`])).toMatchObject({ reason: 'xfcc-not-one-uri' });
    expect(await ask([`URI=${a};uri=${e}`])).toMatchObject({ reason: 'xfcc-not-one-uri' });
  });

  it('is believed only from the named proxies, where any are named (adv:Z34)', async () => {
    const proxies = [gateway];
    expect(await ask([`By=${gateway.uri};URI=${a}`], '10.1.2.3', { proxies })).toMatchObject({
      outcome: 'accepted',
    });
    for (const by of [`By=${a};`, '', `By=${gateway.uri};By=${a};`])
      expect(await ask([`${by}URI=${a}`], '10.1.2.3', { proxies })).toMatchObject({
        reason: 'xfcc-by-mismatch',
      });
  });

  it.each([
    ['URI=https://shop.example', 'xfcc-not-a-spiffe-id'],
    ['URI=spiffe://other.example/ns/shop/sa/a', 'foreign-trust-domain'],
    ['URI=spiffe://cluster.local/castellan/agent/n1', 'xfcc-reserved-id'],
    ['URI=', 'xfcc-not-a-spiffe-id'],
    ['URI="spiffe://cluster.local/ns/shop/sa/a', 'xfcc-unbalanced-quote'],
    ['garbage', 'xfcc-empty-element'],
    ['', 'xfcc-empty-element'],
    ['x'.repeat(65_536), 'xfcc-too-large'],
  ])('that reads as it should not is nobody (adv:Z34)', async (value, reason) => {
    expect(await ask([value])).toMatchObject({ outcome: 'rejected', reason });
  });

  it('of which any value is malformed is nobody, even if the last is sound (adv:Z34)', async () => {
    expect(await ask(['By="', `URI=${e}`])).toMatchObject({ outcome: 'rejected' });
  });

  it('that is absent is no credential', async () => {
    expect(await ask([])).toEqual({ outcome: 'not-applicable' });
  });
});

describe('the grammar of x-forwarded-client-cert', () => {
  it('keeps separators and quotes inside quotes (adv:Z34)', () => {
    expect(parse('By=x;Subject="/C=US;CN=\\"a,b\\"";URI=y,Hash=0')).toEqual([
      { by: ['x'], subject: ['/C=US;CN="a,b"'], uri: ['y'] },
      { hash: ['0'] },
    ]);
    expect(parse('Subject="CN=a\\,b"')).toEqual([{ subject: ['CN=a\\,b'] }]);
    expect(parse('Subject="CN=a\\\\"')).toBe('unbalanced-quote');
    expect(parse('Subject=""')).toEqual([{ subject: [''] }]);
  });

  it('reads keys in any case, and one key several times (adv:Z34)', () => {
    expect(parse('uri=a;URI=b;Dns=c')).toEqual([{ uri: ['a', 'b'], dns: ['c'] }]);
  });

  it('reads Cert and Chain percent-encoded, and refuses what is not (adv:Z34)', () => {
    expect(parse('Cert="-----BEGIN%20CERTIFICATE-----%0A"')).toEqual([
      { cert: ['-----BEGIN%20CERTIFICATE-----%0A'] },
    ]);
    expect(parse('Cert="100%"')).toBe('bad-percent-encoding');
    expect(parse('Chain="%zz"')).toBe('bad-percent-encoding');
  });

  it.each([
    ['a=b', 'unknown-key'],
    ['URI=a,', 'empty-element'],
    [',URI=a', 'unknown-key'],
    ['URI=a;', 'unknown-key'],
    ['URI=a;;DNS=b', 'unknown-key'],
    ['URI', 'empty-element'],
    ['=a', 'unknown-key'],
    ['URI="a"b', 'text-after-quote'],
    ['URI=a"b', 'bare-special-character'],
    ['URI=a=b', 'bare-special-character'],
    ['URI="a', 'unbalanced-quote'],
    ['URI="a\\"', 'unbalanced-quote'],
    ['URI=a\u0000b', 'control-character'],
    ['URI=a\r\nURI=b', 'control-character'],
    [Array.from({ length: 33 }, () => 'URI=a').join(','), 'too-many-elements'],
  ])('refuses %j', (text, fault) => {
    expect(parse(text)).toBe(fault);
  });

  it('reads back what it writes', () => {
    const key = fc.constantFrom<XfccKey>('by', 'hash', 'subject', 'uri', 'dns');
    // A backslash at the end of a quoted value, or before a quote, has no unambiguous spelling in this grammar.
    const value = fc.string({ maxLength: 20 }).filter((text) => !/[\u0000-\u001f\u007f]|\\$|\\"/.test(text));
    const element = fc
      .uniqueArray(fc.tuple(key, fc.array(value, { minLength: 1, maxLength: 3 })), {
        minLength: 1,
        selector: ([name]) => name,
      })
      .map((pairs): XfccElement => new Map(pairs));
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 4 }), (elements) => {
        expect(parseXfcc(elements.map(formatXfccElement).join(','))).toEqual({ ok: true, elements });
      }),
      { numRuns: 100 },
    );
  });

  it('is total: any text is read or refused', () => {
    const piece = fc.constantFrom(
      'URI=',
      'By=',
      '"',
      '\\',
      '\\"',
      ',',
      ';',
      '=',
      'a',
      '%',
      ' ',
      'spiffe://x/y',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = pieces.join('');
        const result = parseXfcc(text);
        if (result.ok) expect(result.elements.length).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});
