import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { keySetFromJwks, parseKeySet } from './index.ts';

const ec = new FakeTokenIssuer();
const rsa = new FakeTokenIssuer({ algorithm: 'RS256', kid: 'rsa' });
const set = (...keys: readonly unknown[]) => JSON.stringify({ keys });
const refusal = (text: string) => {
  try {
    parseKeySet(text);
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'KEY_SET_MALFORMED' });
    return (error as { details: { rule: string } }).details.rule;
  }
};

describe('a published key set', () => {
  it.each([
    ['HTML', '<html><body>Sign in</body></html>', /no JSON object/],
    ['nothing', '', /no JSON object/],
    ['a list', '[]', /no JSON object/],
    ['an empty object', '{}', /not an array/],
    ['an object as keys', '{"keys":{}}', /not an array/],
    ['null as keys', '{"keys":null}', /not an array/],
    ['an empty list of keys', '{"keys":[]}', /no usable key/],
    ['a text as key', '{"keys":["a"]}', /not an object/],
    ['keys said twice', '{"keys":[],"keys":[]}', /duplicate-name/],
    ['lists in lists', `{"keys":${'['.repeat(50)}${']'.repeat(50)}}`, /too-deep/],
    ['101 keys', set(...Array.from({ length: 101 }, (_, i) => ec.jwk({ kid: `k${i}` }))), /more than 100/],
    ['300 KB', `{"keys":[],"pad":"${'x'.repeat(300_000)}"}`, /longer than/],
    ['the same kid twice', set(ec.jwk(), rsa.jwk({ kid: ec.kid })), /kid occurs twice/],
    ['a symmetric key', set(ec.jwk(), { kty: 'oct', k: 'AAAA' }), /symmetric/],
    ['a private EC key', set({ ...ec.jwk(), ...ec.privateKey.export({ format: 'jwk' }) }), /private/],
    ['private RSA parts', set(ec.jwk(), rsa.jwk({ d: 'AAAA' })), /private/],
  ])('is refused whole when it is %s (adv:T14)', (_what, text, rule) => {
    expect(refusal(text)).toMatch(rule);
  });

  it('loses the keys that we cannot use and keeps the others (adv:T14)', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({
      format: 'jwk',
    });
    const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
    const odd = [
      small,
      koblitz,
      x25519,
      ec.jwk({ kid: 'e', use: 'enc' }),
      ec.jwk({ kid: 'a', alg: 'RS256' }),
      ec.jwk({ kid: 'h', alg: 'HS256' }),
      ec.jwk({ kid: 'o', key_ops: ['sign'] }),
      ec.jwk({ kid: 'y', y: ec.jwk().x }),
      ec.jwk({ kid: 7 }),
      { kty: 'AKP', kid: 'pq' },
      { kid: 'none' },
      rsa.jwk({ kid: 'n', n: undefined }),
      rsa.jwk({ kid: 'e1', e: 'AQ' }),
    ];
    const read = parseKeySet(set(...odd, ec.jwk()));
    expect(read.keys.map((key) => key.kid)).toEqual([ec.kid]);
    expect(read.ignored.map(({ index }) => index)).toEqual(odd.map((_, index) => index));
  });

  it('has a revision that follows its content', () => {
    expect(parseKeySet(ec.jwks()).revision).toBe(parseKeySet(ec.jwks()).revision);
    expect(parseKeySet(ec.jwks()).revision).not.toBe(parseKeySet(set(ec.jwk(), rsa.jwk())).revision);
  });

  it('may stand in a policy with private parts, which are dropped and reported', () => {
    const read = parseKeySet(set(rsa.privateKey.export({ format: 'jwk' })), { source: 'inline' });
    expect([read.privateParts, read.keys[0]?.key.type]).toEqual([[0], 'public']);
  });

  it('can be made from the JWT keys of a bundle', () => {
    expect(
      keySetFromJwks([ec.jwk({ use: 'jwt-svid' }) as never], { source: 'remote', use: 'jwt-svid' }).keys,
    ).toHaveLength(1);
  });
});
