import { describe, expect, it } from 'vitest';
import { FakeTokenIssuer } from '../../../test/fakes/token-issuer.ts';
import { type RequestOptions, requestAuthYaml, requestTo, snapshotOf } from '../../../test/support/policy.ts';
import { parseKeySet } from '../../jwt/index.ts';
import { evaluate } from './evaluate.ts';
import { locateTokens } from './locate-tokens.ts';
import { verifyRequestTokens } from './verify-tokens.ts';

const a = 'https://a.example';
const b = 'https://b.example';
const keys = 'jwksUri: "https://keys.example/jwks"';
const rule = (issuer: string, more = '') => `{issuer: "${issuer}", ${keys}${more === '' ? '' : `, ${more}`}}`;
const auth = (...rules: string[]) => requestAuthYaml('jwt', `{jwtRules: [${rules.join(', ')}]}`);

describe('finding tokens', () => {
  const found = (yaml: string, more: RequestOptions) =>
    locateTokens(snapshotOf(yaml), requestTo(more)).map(({ token, place }) => [place.in, place.name, token]);

  it('looks at the two default places (policy:2.1/5)', () => {
    expect(
      found(auth(rule(a)), {
        headers: { authorization: ['Bearer one', 'Basic x'] },
        path: '/p?a=1&access_token=t%2Ewo&access_token=x',
      }),
    ).toEqual([
      ['header', 'authorization', 'one'],
      ['param', 'access_token', 't.wo'],
    ]);
  });

  it('searches the prefix anywhere and passes over what no token begins with (policy:2.1/5)', () => {
    expect(found(auth(rule(a)), { headers: { authorization: 'x Bearer  "one' } })).toEqual([
      ['header', 'authorization', 'one'],
    ]);
    expect(found(auth(rule(a)), { headers: { authorization: 'bearer one' } })).toEqual([]);
  });

  it('looks at the named places instead of the defaults (policy:2.1/5 policy:2.1/6 policy:2.1/7)', () => {
    const places =
      'fromHeaders: [{name: X-Jwt}, {name: x-p, prefix: "Token "}], fromParams: [jwt], fromCookies: [session]';
    const more = {
      headers: {
        authorization: 'Bearer no',
        'x-jwt': 'whole value',
        'x-p': ['Token abc', 'none'],
        cookie: ['a=1; session="tok"', 'session=second'],
      },
      path: '/p?jwt=x+y#jwt=z',
    };
    expect(found(auth(rule(a, places)), more)).toEqual([
      ['header', 'x-jwt', 'whole value'],
      ['header', 'x-p', 'abc'],
      ['param', 'jwt', 'x+y'],
      ['cookie', 'session', 'tok'],
    ]);
  });
});

describe('verifying the tokens of a request', () => {
  const issuer = new FakeTokenIssuer({ issuer: a });
  const now = Date.parse('2026-06-01T12:00:00Z');
  const exp = now / 1000 + 600;
  const source = { keysFor: () => parseKeySet(issuer.jwks()) };
  const verify = async (
    token: string,
    keySets: Parameters<typeof verifyRequestTokens>[2] = source,
    yaml = auth(rule(a, 'audiences: [shop]')),
  ) => {
    const snapshot = snapshotOf(yaml);
    const request = requestTo({ headers: { authorization: `Bearer ${token}` }, tokens: undefined });
    const tokens = await verifyRequestTokens(snapshot, request, keySets, now);
    return { tokens, decision: evaluate(snapshot, { ...request, tokens }) };
  };

  it('gives evaluate what it wants (policy:2.3/2)', async () => {
    const { tokens, decision } = await verify(issuer.token({ sub: 'alice', aud: 'shop', exp }));
    expect(decision).toMatchObject({ outcome: 'allow', requestIdentity: { issuer: a, subject: 'alice' } });
    expect(tokens[0]).toMatchObject({ ok: true, rule: 'shop/jwt/0', payload: expect.any(String) });
  });

  it.each([
    ['expired', { aud: 'shop', exp: now / 1000 - 61 }, 'jwt_expired'],
    ['still within the leeway', { aud: 'shop', exp: now / 1000 - 59 }, 'allowed_no_policy'],
    ['without an end', { aud: 'shop' }, 'allowed_no_policy'],
    ['not yet valid', { aud: 'shop', nbf: now / 1000 + 120 }, 'jwt_not_yet_valid'],
    ['for another audience', { aud: 'x', exp }, 'jwt_wrong_audience'],
    ['of another issuer', { iss: b, aud: 'shop', exp }, 'jwt_unknown_issuer'],
  ])('a token that is %s ends as it should (policy:2.3 policy:2.4)', async (_, claims, reason) => {
    expect((await verify(issuer.token(claims))).decision.reason).toBe(reason);
  });

  it('refuses forged, malformed and keyless tokens (policy:2.3/3 policy:2.5)', async () => {
    const forger = new FakeTokenIssuer({ issuer: a });
    expect((await verify(forger.token({ aud: 'shop', exp }))).decision.reason).toBe('jwt_bad_signature');
    expect((await verify('a.b')).decision.reason).toBe('jwt_bad_signature');
    expect(
      (await verify(issuer.token({ aud: 'shop', exp }), { keysFor: () => undefined })).decision.reason,
    ).toBe('jwks_unavailable');
  });

  it('reads inline keys itself (policy:2.1/4)', async () => {
    const inline = requestAuthYaml('jwt', `{jwtRules: [{issuer: "${a}", jwks: '${issuer.jwks()}'}]}`);
    const none = { keysFor: () => undefined };
    expect((await verify(issuer.token({ sub: 'x', exp }), none, inline)).decision.outcome).toBe('allow');
  });
});
