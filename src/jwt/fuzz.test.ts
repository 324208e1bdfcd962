import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import {
  callerProfile,
  isJsonObject,
  parseJsonObjectText,
  parseKeySet,
  peekJwt,
  requestProfile,
  verifyJwt,
} from './index.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const issuer = new FakeTokenIssuer();
const keys = parseKeySet(issuer.jwks());
const profiles = [callerProfile({ issuer: issuer.issuer, audiences: ['a'] }), requestProfile({})];
const sound = issuer.token({ aud: 'a', sub: 's', exp: now / 1000 + 60 });
const runs = { numRuns: 100 };

const mutation = fc.record({
  at: fc.nat(sound.length - 1),
  cut: fc.nat(3),
  put: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom('.', '=', '-', '_', 'A', '\u0000', 'é', '..')),
});

describe('any text at all', () => {
  it('is judged without a throw, by every profile', async () => {
    const text = fc.oneof(
      fc.string({ maxLength: 300, unit: 'binary' }),
      fc.array(fc.base64String({ maxLength: 60 }), { maxLength: 5 }).map((parts) => parts.join('.')),
      fc
        .tuple(fc.json(), fc.json(), fc.string({ maxLength: 20 }))
        .map((parts) => parts.map((part) => Buffer.from(part).toString('base64url')).join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        for (const profile of profiles) expect((await verifyJwt(token, keys, profile, now)).ok).toBe(false);
        peekJwt(token);
      }),
      runs,
    );
  });

  it('that was a sound token before it was changed is refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
        let token = sound;
        for (const { at, cut, put } of mutations) token = token.slice(0, at) + put + token.slice(at + cut);
        fc.pre(token !== sound);
        for (const profile of profiles) expect((await verifyJwt(token, keys, profile, now)).ok).toBe(false);
      }),
      runs,
    );
  });

  it('that is a signed payload of any shape is judged, and accepted only with what it must hold', async () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('a', ['a'], issuer.issuer, now / 1000 + 60),
    );
    const claims = fc.dictionary(
      fc.constantFrom('iss', 'aud', 'exp', 'nbf', 'iat', 'sub', 'jti', '__proto__'),
      value,
    );
    await fc.assert(
      fc.asyncProperty(claims, async (payload) => {
        const token = issuer.signText('{"alg":"ES256","kid":"key-1"}', JSON.stringify(payload));
        const result = await verifyJwt(token, keys, profiles[0] as never, now);
        if (result.ok) {
          expect(payload).toMatchObject({ iss: issuer.issuer });
          expect([payload.aud].flat()).toContain('a');
          expect(typeof payload.exp).toBe('number');
        }
      }),
      runs,
    );
  });
});

describe('the strict JSON reader', () => {
  it('reads what JSON.parse reads, as it reads it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), fc.nat(2), (object, indent) => {
        const read = parseJsonObjectText(JSON.stringify(object, null, indent), 10);
        expect(read.ok && JSON.parse(JSON.stringify(read.value))).toEqual(JSON.parse(JSON.stringify(object)));
      }),
      runs,
    );
  });

  it('reads nothing that JSON.parse does not', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"b"',
      '"',
      '\\',
      '1',
      '-',
      '.5',
      'e9',
      '01',
      'true',
      'nul',
      ' ',
      '\n',
      '\u000b',
      '\u0000',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = `{${pieces.join('')}}`;
        const read = parseJsonObjectText(text, 10);
        if (read.ok) expect(isJsonObject(JSON.parse(text) as never)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
