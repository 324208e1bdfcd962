import { describe, expect, it } from 'vitest';
import {
  bearer,
  policyYaml,
  type RequestOptions,
  requestAuthYaml,
  requestTo,
  snapshotOf,
} from '../../../test/support/policy.ts';
import type { TokenFault, TokenResult } from '../request.ts';
import { evaluate } from './evaluate.ts';

const a = 'https://a.example';
const b = 'https://b.example';
const keys = 'jwksUri: "https://keys.example/jwks"';
const rule = (issuer: string, more = '') => `{issuer: "${issuer}", ${keys}${more === '' ? '' : `, ${more}`}}`;
const auth = (...rules: string[]) => requestAuthYaml('jwt', `{jwtRules: [${rules.join(', ')}]}`);
const invalid = (
  fault: TokenFault,
  place: TokenResult['place'] = { in: 'header', name: 'authorization' },
): TokenResult => ({ ok: false, place, fault });
const decide = (yaml: string, tokens: readonly TokenResult[], more: RequestOptions = {}, settings = {}) =>
  evaluate(snapshotOf(yaml, settings), requestTo({ tokens, ...more }));

describe('request authentication', () => {
  it('lets a request without a token pass, without an identity (policy:2.3/1)', () => {
    const decision = decide(auth(rule(a)), []);
    expect(decision).toMatchObject({ outcome: 'allow', requestIdentity: undefined });
  });

  it('takes a valid token for the identity (policy:2.3/2)', () => {
    expect(decide(auth(rule(a)), [bearer({ iss: a, sub: 'alice' })])).toMatchObject({
      outcome: 'allow',
      requestIdentity: { issuer: a, subject: 'alice' },
    });
  });

  it.each([
    [
      'malformed',
      'jwt_bad_signature',
      'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections',
    ],
    ['bad-signature', 'jwt_bad_signature', 'Jwt verification fails'],
    ['no-matching-key', 'jwt_bad_signature', "Jwks doesn't have key to match kid or alg from Jwt"],
    ['keys-unavailable', 'jwks_unavailable', 'Jwks remote fetch is failed'],
    ['expired', 'jwt_expired', 'Jwt is expired'],
    ['not-yet-valid', 'jwt_not_yet_valid', 'Jwt not yet valid'],
    ['unknown-issuer', 'jwt_unknown_issuer', 'Jwt issuer is not configured'],
  ] as const)('answers 401 to a token that is %s (policy:2.3/3)', (fault, reason, body) => {
    expect(decide(auth(rule(a)), [invalid(fault)])).toMatchObject({
      outcome: 'deny',
      reason,
      stage: 'request_authentication',
      effects: {
        response: {
          status: 401,
          grpcStatus: 16,
          body,
          headers: [
            {
              name: 'www-authenticate',
              value: 'Bearer realm="https://cart.shop/items", error="invalid_token"',
            },
          ],
          detail: `jwt_authn_access_denied{${body.split(' ').join('_')}}`,
        },
      },
    });
  });

  it('answers 401 to another issuer, 403 to another audience (policy:2.3/3 policy:2.3/4 policy:2.1/2)', () => {
    expect(decide(auth(rule(a)), [bearer({ iss: b })]).reason).toBe('jwt_unknown_issuer');
    const wrong = decide(auth(rule(a, 'audiences: [shop]')), [bearer({ iss: a, aud: 'other' })]);
    expect(wrong).toMatchObject({
      reason: 'jwt_wrong_audience',
      effects: { response: { status: 403, grpcStatus: 7 } },
    });
    for (const aud of ['shop', ['x', 'shop'], 'https://shop/', 'http://shop'])
      expect(decide(auth(rule(a, 'audiences: [shop]')), [bearer({ iss: a, aud })]).outcome).toBe('allow');
    expect(decide(auth(rule(a)), [bearer({ iss: a, aud: 'anything' })]).outcome).toBe('allow');
  });

  it('ignores a token where no rule looks (policy:2.3/5)', () => {
    const elsewhere = { in: 'header', name: 'x-token' } as const;
    expect(decide(auth(rule(a)), [invalid('expired', elsewhere)])).toMatchObject({
      outcome: 'allow',
      requestIdentity: undefined,
    });
  });

  it('takes a token of either issuer from one place (policy:2.3/6)', () => {
    const both = auth(rule(a), rule(b));
    expect(decide(both, [bearer({ iss: b, sub: 'x' })])).toMatchObject({
      outcome: 'allow',
      requestIdentity: { issuer: b },
    });
    expect(decide(both, [bearer({ iss: 'c' })]).reason).toBe('jwt_unknown_issuer');
    expect(decide(both, [invalid('expired')]).reason).toBe('jwt_expired');
  });

  it('wants all tokens that one rule reads (policy:2.3/7)', () => {
    const param = { in: 'param', name: 'access_token' } as const;
    const second = (claims: object): TokenResult => ({ ok: true, place: param, claims: claims as never });
    expect(decide(auth(rule(a)), [bearer({ iss: a }), second({ iss: a, sub: 's' })]).outcome).toBe('allow');
    expect(decide(auth(rule(a)), [bearer({ iss: a }), second({ iss: b })]).reason).toBe('jwt_unknown_issuer');
    expect(decide(auth(rule(a)), [bearer({ iss: a }), invalid('expired', param)]).reason).toBe('jwt_expired');
  });

  const apart = auth(rule(a, 'fromHeaders: [{name: x-a}]'), rule(b, 'fromHeaders: [{name: x-b}]'));
  const atA = (claims: object): TokenResult => ({
    ok: true,
    place: { in: 'header', name: 'x-a' },
    claims: claims as never,
  });
  const atB = (claims: object): TokenResult => ({
    ok: true,
    place: { in: 'header', name: 'x-b' },
    claims: claims as never,
  });
  const badB = invalid('expired', { in: 'header', name: 'x-b' });

  it('passes with one good and one bad token at two places; strict mode refuses (policy:2.3/8, correction 8)', () => {
    expect(decide(apart, [atA({ iss: a, sub: 's' }), badB])).toMatchObject({
      outcome: 'allow',
      requestIdentity: { issuer: a },
    });
    expect(decide(apart, [atA({ iss: a }), badB], {}, { strict: true }).reason).toBe('jwt_expired');
    expect(decide(apart, [badB]).reason).toBe('jwt_expired');
  });

  it('takes the identity of the first issuer in order when both are good (policy:2.3/9)', () => {
    expect(
      decide(apart, [atB({ iss: b, sub: 'x' }), atA({ iss: a, sub: 'y' })]).requestIdentity,
    ).toMatchObject({ issuer: a });
  });

  it('wants a token where one is REQUIRED (policy:2.1/13)', () => {
    const required = auth(rule(a, 'presence: REQUIRED'));
    expect(decide(required, [])).toMatchObject({
      reason: 'jwt_missing',
      effects: {
        response: {
          status: 401,
          body: 'Jwt is missing',
          headers: [{ value: 'Bearer realm="https://cart.shop/items"' }],
        },
      },
    });
    expect(decide(required, [bearer({ iss: a })]).outcome).toBe('allow');
  });

  it('adds up all policies of the namespace and the root, by their selectors (policy:2.2)', () => {
    const root = requestAuthYaml(
      'root',
      `{selector: {matchLabels: {app: cart}}, jwtRules: [${rule(b)}]}`,
      'istio-system',
    );
    expect(decide(auth(rule(a)) + root, [bearer({ iss: b })]).outcome).toBe('allow');
    const other = requestAuthYaml('other', `{selector: {matchLabels: {app: x}}, jwtRules: [${rule(b)}]}`);
    expect(decide(auth(rule(a)) + other, [bearer({ iss: b })]).outcome).toBe('deny');
  });

  it('skips tokens at a CORS preflight, where rules then see none (policy:2.2)', () => {
    const preflight = {
      method: 'OPTIONS',
      headers: { origin: 'https://x', 'access-control-request-method': 'GET' },
    };
    expect(decide(auth(rule(a)), [invalid('expired')], preflight).outcome).toBe('allow');
    const needs = policyYaml('needs', '{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}');
    expect(decide(auth(rule(a)) + needs, [bearer({ iss: a, sub: 's' })], preflight).outcome).toBe('deny');
    expect(decide(auth(rule(a)), [invalid('expired')], { method: 'OPTIONS' }).outcome).toBe('deny');
  });

  it('refuses what nobody verified (policy:2.5)', () => {
    const headers = { authorization: 'Bearer a.b.c' };
    const unverified = requestTo({ tokens: undefined, headers });
    expect(evaluate(snapshotOf(auth(rule(a))), unverified).reason).toBe('jwks_unavailable');
    expect(evaluate(snapshotOf(auth(rule(a))), requestTo({ tokens: undefined })).outcome).toBe('allow');
    expect(evaluate(snapshotOf(''), unverified).outcome).toBe('allow');
  });

  it('puts nothing of the client into the realm that could leave it', () => {
    const { effects } = decide(auth(rule(a)), [invalid('expired')], { path: `/a"b?${'x'.repeat(400)}` });
    const [header] = effects.response?.headers ?? [];
    expect(header?.value).toMatch(
      /^Bearer realm="https:\/\/cart\.shop\/a%22b\?x{251}", error="invalid_token"$/,
    );
  });
});

describe('what becomes of a token', () => {
  const payload = 'eyJzdWIiOiJhbGljZSJ9';
  const claims = {
    iss: a,
    sub: 'alice',
    level: 3,
    ok: true,
    nested: { role: 'dev' },
    'a.b': 'x',
    list: ['y'],
    evil: 'a\r\nb',
  };

  it('removes it once it was accepted, header and parameter, unless it is forwarded (policy:2.1/10)', () => {
    expect(decide(auth(rule(a)), [bearer(claims)]).effects.removeHeaders).toEqual(['authorization']);
    expect(
      decide(auth(rule(a, 'forwardOriginalToken: true')), [bearer(claims)]).effects.removeHeaders,
    ).toEqual([]);
    const param: TokenResult = {
      ok: true,
      place: { in: 'param', name: 'access_token' },
      claims: claims as never,
    };
    expect(decide(auth(rule(a)), [param], { path: '/p?x=1&access%5Ftoken=abc&y=2' }).effects).toMatchObject({
      removeParams: ['access_token'],
      path: '/p?x=1&y=2',
    });
    const cookie: TokenResult = { ok: true, place: { in: 'cookie', name: 'jwt' }, claims: claims as never };
    expect(decide(auth(rule(a, 'fromCookies: [jwt]')), [cookie]).effects).toMatchObject({
      removeHeaders: [],
      removeParams: [],
    });
  });

  it("writes payload and claims into headers, and never a client's own copy (policy:2.1/8 policy:2.1/9 adv:Z32)", () => {
    const headers = [
      'sub',
      'level',
      'ok',
      'nested.role',
      'a.b',
      'list',
      'evil',
      'missing',
      'constructor',
    ].map((claim, i) => `{header: X-C${i}, claim: ${claim}}`);
    const yaml = auth(
      rule(a, `outputPayloadToHeader: X-Payload, outputClaimToHeaders: [${headers.join(', ')}]`),
    );
    const names = ['x-payload', ...headers.map((_, i) => `x-c${i}`)];
    expect(decide(yaml, []).effects).toMatchObject({ removeHeaders: names, setHeaders: [] });
    expect(decide(yaml, [bearer(claims, { payload } as never)]).effects).toMatchObject({
      removeHeaders: [...names, 'authorization'],
      setHeaders: [
        { name: 'x-payload', value: payload },
        { name: 'x-c0', value: 'alice' },
        { name: 'x-c1', value: '3' },
        { name: 'x-c2', value: 'true' },
        { name: 'x-c3', value: 'dev' },
      ],
    });
  });

  it('forwards the normalised path, with the query as it came (policy:3.9)', () => {
    expect(decide('', [], { path: '/a/../b?q=//' }).effects.path).toBe('/b?q=//');
    expect(decide('', [], { path: '/b?q=//' }).effects).toEqual({
      setHeaders: [],
      removeHeaders: [],
      removeParams: [],
    });
  });
});

describe('claim conditions', () => {
  const matches = (key: string, values: string, claims: Record<string, unknown>, more = '') => {
    const when = policyYaml('when', `{rules: [{when: [{key: "${key}", values: ${values}}]}]}`);
    return decide(auth(rule(a, more)) + when, [bearer({ iss: a, ...claims })]).outcome === 'allow';
  };

  it.each([
    ['request.auth.claims[group]', '[dev]', { group: 'dev' }, true],
    ['request.auth.claims[group]', '[dev]', { group: ['ops', 'dev'] }, true],
    ['request.auth.claims[group]', '["d*"]', { group: ['ops', 'dev'] }, true],
    ['request.auth.claims[group]', '["1"]', { group: 1 }, false],
    ['request.auth.claims[group]', '["true"]', { group: true }, false],
    ['request.auth.claims[group]', '["null"]', { group: null }, false],
    ['request.auth.claims[group]', '["1"]', { group: [1] }, false],
    ['request.auth.claims[group]', '["*"]', { group: '' }, false],
    ['request.auth.claims[group]', '["*"]', { group: [['dev']] }, false],
    ['request.auth.claims[a][b]', '[x]', { a: { b: 'x' } }, true],
    ['request.auth.claims[a][b]', '[x]', { a: { b: ['x'] } }, true],
    ['request.auth.claims[a][b]', '[x]', { 'a][b': 'x' }, false],
    ['request.auth.claims[a.b]', '[x]', { a: { b: 'x' } }, false],
    ['request.auth.claims[https://x/y]', '[x]', { 'https://x/y': 'x' }, true],
    ['request.auth.claims[a[b]]', '[x]', { 'a[b]': 'x' }, true],
    ['request.auth.claims[a][__proto__][b]', '[x]', { a: {} }, false],
    ['request.auth.claims[constructor]', '["*"]', {}, false],
    ['request.auth.audiences', '[shop]', { aud: 'shop' }, true],
    ['request.auth.audiences', '[shop]', { aud: ['x', 'shop'] }, true],
    ['request.auth.presenter', '[app]', { azp: 'app' }, true],
    ['request.auth.claims[scope]', '[read]', { scope: 'write read' }, true],
    ['request.auth.claims[scope]', '["write read"]', { scope: 'write read' }, false],
    ['request.auth.claims[roles]', '[read]', { roles: 'write read' }, false],
  ])('%s %s of %j: %s (policy:3.5 adv:Z15 adv:Z16)', (key, values, claims, want) => {
    expect(matches(key, values, claims)).toBe(want);
  });

  it('splits the claims that a rule names at blanks (policy:2.1/12)', () => {
    expect(
      matches(
        'request.auth.claims[roles]',
        '[read]',
        { roles: 'write read' },
        'spaceDelimitedClaims: [roles]',
      ),
    ).toBe(true);
  });
});
