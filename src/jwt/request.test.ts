import { createHmac, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { describeJwtReason, parseKeySet, requestProfile, verifyJwt } from './index.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const nowSeconds = now / 1000;
const good = new FakeTokenIssuer({ algorithm: 'RS256' });
const keys = parseKeySet(good.jwks(), { source: 'inline' });
const fresh = { aud: 'bookstore', exp: nowSeconds + 600, sub: 'alice' };

const judge = async (
  token: string,
  options: Parameters<typeof requestProfile>[0] = { issuer: good.issuer },
) => {
  const result = await verifyJwt(token, keys, requestProfile(options), now);
  return result.ok ? 'accepted' : describeJwtReason(result.reason);
};

describe('a request token', () => {
  it('that is sound is accepted', async () => {
    expect(await judge(good.token(fresh))).toBe('accepted');
  });

  it.each([
    ['one.two', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
    ['..', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
    ['a.b.c.d', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
    ['!.e30.AA', 'Jwt header is an invalid Base64url encoded'],
    ['AA.e30.AA', 'Jwt header is an invalid JSON'],
    ['e30.e30.AA', 'Jwt header [alg] field is required and must be a string'],
  ])('that reads %j is answered `%s`', async (token, text) => {
    expect(await judge(token)).toBe(text);
  });

  it.each([
    [{}, { alg: 'none' }, 'Jwt header [alg] is not supported'],
    [{}, { alg: 7 }, 'Jwt header [alg] field is required and must be a string'],
    [{}, { kid: 7 }, 'Jwt header [kid] field is not a string'],
    [{ iss: 7 }, {}, 'Jwt payload [iss] field is not a string'],
    [{ sub: 7 }, {}, 'Jwt payload [sub] field is not a string'],
    [{ jti: 7 }, {}, 'Jwt payload [jti] field is not a string'],
    [{ iat: 'x' }, {}, 'Jwt payload [iat] field is not an integer'],
    [{ nbf: 1.5 }, {}, 'Jwt payload [nbf] field is not an integer'],
    [{ exp: 'x' }, {}, 'Jwt payload [exp] field is not an integer'],
    [{ exp: -1 }, {}, 'Jwt payload [exp] field is not a positive integer'],
    [{ aud: {} }, {}, 'Jwt payload [aud] field is not a string or string list'],
    [{ iss: 'https://other.example' }, {}, 'Jwt issuer is not configured'],
    [{ iss: undefined }, {}, 'Jwt issuer is not configured'],
    [{ exp: nowSeconds - 61 }, {}, 'Jwt is expired'],
    [{ nbf: nowSeconds + 61 }, {}, 'Jwt not yet valid'],
    [{}, { kid: 'other' }, "Jwks doesn't have key to match kid or alg from Jwt"],
    [{}, { alg: 'ES256' }, "Jwks doesn't have key to match kid or alg from Jwt"],
    [{}, { alg: 'RS512' }, 'Jwt verification fails'],
  ])('with the claims %j and header %j is answered `%s`', async (claims, header, text) => {
    expect(await judge(good.token({ ...fresh, ...claims }, header))).toBe(text);
  });

  it('whose audience is not listed is told so, and none is checked when none is listed', async () => {
    const token = good.token(fresh);
    expect(await judge(token, { issuer: good.issuer, audiences: ['other'] })).toBe(
      'Audiences in Jwt are not allowed',
    );
    expect(await judge(good.token({ ...fresh, aud: undefined }), { audiences: ['x'] })).toBe(
      'Audiences in Jwt are not allowed',
    );
    expect(await judge(token, { issuer: good.issuer, audiences: [] })).toBe('accepted');
    expect(await judge(token, { issuer: good.issuer, audiences: ['other', 'bookstore'] })).toBe('accepted');
  });

  it.each([
    ['https://bookstore/', 'bookstore', 'accepted'],
    ['bookstore', 'http://bookstore', 'accepted'],
    ['https://bookstore//', 'bookstore', 'Audiences in Jwt are not allowed'],
    ['grpc://bookstore', 'bookstore', 'Audiences in Jwt are not allowed'],
  ])('for the audience %s where %s is listed is answered `%s`', async (aud, listed, text) => {
    expect(await judge(good.token({ ...fresh, aud }), { audiences: [listed] })).toBe(text);
  });

  it('may be 60 s early or late, and never ends without an end', async () => {
    expect(await judge(good.token({ ...fresh, exp: nowSeconds - 60 }))).toBe('accepted');
    expect(await judge(good.token({ ...fresh, nbf: nowSeconds + 60 }))).toBe('accepted');
    expect(await judge(good.token({ ...fresh, exp: undefined }))).toBe('accepted');
    expect(await judge(good.token({ ...fresh, iat: nowSeconds + 9999 }))).toBe('accepted');
  });

  it('is judged for its issuer before its time, its time before its audience, its audience before its signature', async () => {
    const forger = new FakeTokenIssuer({ algorithm: 'RS256' });
    const all = { iss: 'https://other.example', exp: 1, aud: 'other' };
    const options = { issuer: good.issuer, audiences: ['bookstore'] };
    expect(await judge(forger.token(all), options)).toBe('Jwt issuer is not configured');
    expect(await judge(forger.token({ ...all, iss: good.issuer }), options)).toBe('Jwt is expired');
    expect(await judge(forger.token({ ...fresh, aud: 'other' }), options)).toBe(
      'Audiences in Jwt are not allowed',
    );
    expect(await judge(forger.token(fresh), options)).toBe('Jwt verification fails');
  });

  it('of any issuer is right where none is configured', async () => {
    expect(await judge(good.token({ ...fresh, iss: 'https://any.example' }), {})).toBe('accepted');
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('may be signed by %s', async (algorithm) => {
    const issuer = new FakeTokenIssuer({ algorithm });
    const own = parseKeySet(issuer.jwks(), { source: 'inline' });
    expect(await verifyJwt(issuer.token(fresh), own, requestProfile({}), now)).toMatchObject({ ok: true });
  });

  it('may be signed by HMAC when the key stands in the policy itself, and never otherwise (adv:T02)', async () => {
    const secret = Buffer.alloc(32, 7);
    const jwks = JSON.stringify({ keys: [{ kty: 'oct', k: secret.toString('base64url') }] });
    const inline = parseKeySet(jwks, { source: 'inline' });
    const header = Buffer.from('{"alg":"HS256"}').toString('base64url');
    const input = `${header}.${Buffer.from(JSON.stringify(fresh)).toString('base64url')}`;
    const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    expect(await verifyJwt(token, inline, requestProfile({}), now)).toMatchObject({ ok: true });
    const pem = good.publicKey.export({ format: 'pem', type: 'spki' });
    const forged = `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
    expect(await judge(forged, {})).toBe("Jwks doesn't have key to match kid or alg from Jwt");
    expect(() => parseKeySet(jwks)).toThrow(expect.objectContaining({ code: 'KEY_SET_MALFORMED' }));
  });

  it('without a kid is tried with every key that fits', async () => {
    const other = new FakeTokenIssuer({ algorithm: 'RS256', kid: 'other' });
    const two = parseKeySet(JSON.stringify({ keys: [other.jwk(), good.jwk()] }), { source: 'inline' });
    const token = good.token(fresh, { kid: undefined });
    expect(await verifyJwt(token, two, requestProfile({}), now)).toMatchObject({ ok: true });
  });

  it('that points at a key of its own is verified with ours all the same (adv:T11)', async () => {
    const attacker = new FakeTokenIssuer({ algorithm: 'RS256' });
    const header = { jwk: attacker.jwk(), jku: 'https://attacker.example/' };
    expect(await judge(attacker.token(fresh, header))).toBe('Jwt verification fails');
    expect(await judge(good.token(fresh, header))).toBe('accepted');
  });

  it('with crit, b64 or zip is refused, for it means something that we do not do (adv:T12)', async () => {
    for (const header of [{ crit: ['x'] }, { b64: false }, { zip: 'DEF' }])
      expect(await judge(good.token(fresh, header))).toBe('Jwt verification fails');
  });

  it('bound to PS256 is not verified as RS256 (adv:T03)', async () => {
    const bound = parseKeySet(good.jwks({ alg: 'PS256' }), { source: 'inline' });
    expect(await verifyJwt(good.token(fresh), bound, requestProfile({}), now)).toMatchObject({
      reason: 'no-matching-key',
    });
    const input = `${Buffer.from('{"alg":"PS256"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}`;
    const pss = sign('sha256', Buffer.from(input), { key: good.privateKey, padding: 6, saltLength: 32 });
    const token = `${input}.${pss.toString('base64url')}`;
    expect(await verifyJwt(token, bound, requestProfile({}), now)).toMatchObject({ ok: true });
  });
});
