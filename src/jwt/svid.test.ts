import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../test/fakes/token-issuer.ts';
import { jwtSvidProfile, parseKeySet, peekJwt, verifyJwt } from './index.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const nowSeconds = now / 1000;
const good = new FakeTokenIssuer({ kid: 'svid-1' });
const keys = parseKeySet(good.jwks({ use: 'jwt-svid' }), { source: 'remote', use: 'jwt-svid' });
const profile = jwtSvidProfile({ audiences: ['db.example'] });
const claims = { sub: 'spiffe://td.example/ns/shop/sa/cart', aud: ['db.example'], exp: nowSeconds + 300 };
const judge = async (token: string) => {
  const result = await verifyJwt(token, keys, profile, now);
  return result.ok ? 'accepted' : result.reason;
};

describe('a JWT-SVID', () => {
  it('that is sound is accepted, with or without iss and typ (spiffe:J-05 spiffe:J-06 spiffe:J-07)', async () => {
    expect(await judge(good.token(claims))).toBe('accepted');
    expect(await judge(good.token({ ...claims, iss: undefined }))).toBe('accepted');
    for (const typ of ['JWT', 'JOSE']) expect(await judge(good.token(claims, { typ }))).toBe('accepted');
  });

  it('is compact JWS only (spiffe:J-01)', async () => {
    const [header, payload, signature] = good.token(claims).split('.');
    expect(await judge(JSON.stringify({ protected: header, payload, signature }))).toBe('not-three-parts');
    expect(await judge(`${header}.a.b.c.d`)).toBe('not-three-parts');
    expect(await judge(good.token(claims, { enc: 'A128GCM' }))).toBe('header-unsupported');
  });

  it.each(['none', 'HS256', 'HS512', 'EdDSA', 'ES256K', 'RS1'])(
    'is refused with alg %s, before anything else (spiffe:J-03)',
    async (alg) => {
      expect(await judge(good.token({}, { alg }))).toBe('alg-not-allowed');
    },
  );

  it('needs a kid, as other implementations hold (spiffe:J-04)', async () => {
    expect(await judge(good.token(claims, { kid: undefined }))).toBe('header-kid');
  });

  it.each(['at+jwt', 'jwt', 7])('is refused with typ %j (spiffe:J-05)', async (typ) => {
    expect(await judge(good.token(claims, { typ }))).toBe('header-unsupported');
  });

  it.each([undefined, 'alice', 'https://td.example/x', 'spiffe://TD/x', ''])(
    'needs a SPIFFE ID as sub, not %j (spiffe:J-06)',
    async (sub) => {
      expect(await judge(good.token({ ...claims, sub }))).toBe('subject-not-spiffe-id');
    },
  );

  it.each([undefined, [], ['other'], 'other'])(
    'for the audience %j is refused (spiffe:J-07)',
    async (aud) => {
      expect(await judge(good.token({ ...claims, aud }))).toBe('audience-not-allowed');
    },
  );

  it('needs an end, and not a past one (spiffe:J-09 adv:T06)', async () => {
    expect(await judge(good.token({ ...claims, exp: undefined }))).toBe('exp-missing');
    expect(await judge(good.token({ ...claims, exp: nowSeconds - 60 }))).toBe('expired');
    expect(await judge(good.token({ ...claims, exp: nowSeconds + 10 ** 8 }))).toBe('accepted');
  });

  it('is verified with keys of use jwt-svid that have a kid, and no others (spiffe:J-11 spiffe:J-12)', () => {
    const read = (extra: Record<string, unknown>) => () =>
      parseKeySet(good.jwks(extra), { source: 'remote', use: 'jwt-svid' });
    expect(read({ use: 'jwt-svid' })().keys).toHaveLength(1);
    for (const extra of [
      { use: 'x509-svid' },
      { use: 'sig' },
      { use: undefined },
      { use: 'jwt-svid', kid: undefined },
    ])
      expect(read(extra)).toThrow(expect.objectContaining({ code: 'KEY_SET_MALFORMED' }));
  });

  it('may be seen twice (spiffe:J-13)', async () => {
    const token = good.token({ ...claims, jti: 'one' });
    expect([await judge(token), await judge(token)]).toEqual(['accepted', 'accepted']);
  });

  it('says whose bundle must verify it, and holds under no other (spiffe:J-14)', async () => {
    const token = good.token(claims);
    expect(peekJwt(token)?.subject).toBe(claims.sub);
    const foreign = new FakeTokenIssuer({ kid: 'svid-1' });
    const foreignKeys = parseKeySet(foreign.jwks({ use: 'jwt-svid' }), { source: 'remote', use: 'jwt-svid' });
    expect(await verifyJwt(token, foreignKeys, profile, now)).toMatchObject({ reason: 'signature-invalid' });
  });
});
