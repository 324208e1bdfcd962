import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CustomResult } from '../../../src/policy/index.ts';
import type { ExtensionProvider } from '../../../src/resources/index.ts';
import { ask, checkServer } from '../../support/check-harness.ts';
import { applyResponse, envoyVersions } from '../../support/fake-envoy.ts';
import { httpCall } from '../../support/http-call.ts';
import { policyYaml, requestAuthYaml } from '../../support/policy.ts';

/** proxies.md §1.5: one row an outcome, one column a dialect. */
const policies =
  requestAuthYaml('tokens', '{jwtRules: [{issuer: "https://issuer.example", jwks: \'{"keys":[]}\'}]}') +
  policyYaml('ok', '{rules: [{to: [{operation: {paths: ["/ok*", "/token"]}}]}]}') +
  policyYaml('later', '{action: DENY, rules: [{to: [{operation: {paths: ["/ok/shadow"]}}]}]}', {
    dryRun: true,
  });

let door: Awaited<ReturnType<typeof checkServer>>;
beforeAll(async () => {
  door = await checkServer({
    policies,
    tokens: {
      verify: (_policy, { http }) =>
        http?.headers.has('authorization')
          ? [
              {
                ok: false,
                place: { in: 'header', name: 'authorization', prefix: 'Bearer ' },
                fault: 'expired',
              },
            ]
          : [],
    },
  });
});
afterAll(() => door[Symbol.asyncDispose]());

type Lines = readonly (readonly [string, string])[];
const identity = 'x-castellan-source-principal';

const grpc = async (path: string, headers: Record<string, string> = {}) => {
  const { response } = await door.client.check(ask({ path, headers }));
  return response;
};
const extAuthz = (path: string, headers: Lines = [], port = door.httpPort) =>
  httpCall({
    port,
    path: `/authz/ext-authz/shop/cart:8080${path}`,
    headers: [['host', 'cart.shop'], ['x-real-ip', '10.0.0.7'], ...headers],
  });
const forwardAuth = (path: string, headers: Lines = [], port = door.httpPort) =>
  httpCall({
    port,
    path: '/authz/forward-auth?workload=shop/cart&port=8080',
    headers: [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'cart.shop'],
      ['X-Forwarded-Uri', path],
      ['X-Forwarded-For', '10.0.0.7'],
      ...headers,
    ],
  });
const authRequest = (path: string, headers: Lines = [], port = door.httpPort) =>
  httpCall({
    port,
    path: '/authz/auth-request?workload=shop/cart&port=8080',
    headers: [
      ['X-Original-Method', 'GET'],
      ['X-Original-URL', `https://cart.shop${path}`],
      ['X-Real-IP', '10.0.0.7'],
      ...headers,
    ],
  });
const bearer: Lines = [['Authorization', 'Bearer aaa.bbb.ccc']];

describe('an allow', () => {
  it('is status 0 with ok_response, and exactly 200 in every HTTP dialect (proxies:1.5/1)', async () => {
    const response = await grpc('/ok');
    expect([response.status?.code, response.httpResponse.case]).toEqual([0, 'okResponse']);
    for (const call of [extAuthz, forwardAuth, authRequest]) expect((await call('/ok')).status).toBe(200);
  });

  it('takes away identity headers that a client forged, each dialect in its own way (proxies:1.5/2)', async () => {
    const forged = new Map([
      [identity, ['spiffe://forged']],
      ['x-castellan-request-principal', ['forged/me']],
    ]);
    const response = await grpc('/ok', { [identity]: 'spiffe://forged' });
    for (const version of envoyVersions) {
      const outcome = applyResponse(response, forged, version);
      expect(outcome.kind).toBe('forwarded');
      if (outcome.kind !== 'forwarded') continue;
      expect(outcome.headers.get(identity)).toEqual(['spiffe://cluster.local/ns/web/sa/front']);
      expect(outcome.headers.has('x-castellan-request-principal')).toBe(false);
    }
    const envoy = await extAuthz('/ok', [[identity, 'spiffe://forged']]);
    expect(envoy.headers.get('x-envoy-auth-headers-to-remove')).toContain(identity);
    for (const call of [forwardAuth, authRequest])
      expect((await call('/ok', [[identity, 'spiffe://forged']])).headers.get(identity)).toBe('');
  });

  it('under a dry run that would deny says so, and allows (proxies:1.5/11)', async () => {
    const response = await grpc('/ok/shadow');
    expect(response.status?.code).toBe(0);
    expect(response.dynamicMetadata).toMatchObject({
      shadow_engine_result: 'denied',
      istio_dry_run_deny_shadow_engine_result: 'denied',
      istio_dry_run_deny_shadow_effective_policy_id: 'ns[shop]-policy[later]-rule[0]',
      castellan: { shadow: 'denied' },
    });
    for (const call of [extAuthz, forwardAuth, authRequest]) {
      const { status, headers } = await call('/ok/shadow');
      expect([status, headers.get('x-castellan-shadow')]).toEqual([200, 'deny']);
    }
  });
});

describe('a denial', () => {
  it('by policy is 403 everywhere, and code 7 over gRPC (proxies:1.5/5)', async () => {
    const response = await grpc('/no');
    expect(response.status?.code).toBe(7);
    expect(response.httpResponse).toMatchObject({ case: 'deniedResponse', value: { status: { code: 403 } } });
    for (const call of [extAuthz, forwardAuth, authRequest]) {
      const { status, headers } = await call('/no');
      expect(status).toBe(403);
      expect(headers.get('x-castellan-decision-id')).toMatch(/^[0-9A-Z]{26}$/);
    }
  });

  it('for want of a good token is 401 with WWW-Authenticate, and code 16 over gRPC (proxies:1.5/3)', async () => {
    const response = await grpc('/token', { authorization: 'Bearer aaa.bbb.ccc' });
    expect(response.status?.code).toBe(16);
    expect(response.httpResponse).toMatchObject({ value: { status: { code: 401 }, body: 'Jwt is expired' } });
    for (const call of [extAuthz, forwardAuth, authRequest]) {
      const { status, headers } = await call('/token', bearer);
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
  });

  it('of a malformed request is 400, but 403 for nginx, which takes 400 for an error (proxies:1.5/7)', async () => {
    const response = await grpc('/ok#fragment/%zz\u0000');
    expect(response.status?.code).toBe(7);
    expect(response.httpResponse).toMatchObject({ value: { status: { code: 400 } } });
    expect((await extAuthz('/ok/%00')).status).toBe(400);
    expect((await forwardAuth('/ok/%00')).status).toBe(400);
    expect((await authRequest('/ok/%00')).status).toBe(403);
  });

  it('by a fault of ours is never read as an error by Envoy, over gRPC or HTTP (proxies:1.5/9 adv:G5)', async () => {
    door.unsetPolicy();
    try {
      const response = await grpc('/ok');
      for (const version of envoyVersions)
        expect(applyResponse(response, new Map(), version)).toMatchObject({ kind: 'denied', status: 503 });
      expect((await extAuthz('/ok')).status).toBe(403);
      expect((await forwardAuth('/ok')).status).toBe(503);
      expect((await authRequest('/ok')).status).toBe(503);
    } finally {
      door.setPolicy(policies);
    }
  });

  it('about a workload that nobody knows is an ordinary 403, which tells nothing of what there is (proxies:1.5/6)', async () => {
    const { response } = await door.client.check(ask({ to: '10.1.1.1' }));
    expect(response.status).toMatchObject({ code: 7, message: 'unknown_workload' });
    expect(response.httpResponse).toMatchObject({ value: { status: { code: 403 } } });
  });

  it('of a plain connection has a code and no HTTP answer (proxies:1.5/12)', async () => {
    const { response } = await door.client.check(ask({ tcp: true, port: 9000 }));
    expect([response.status?.code, response.httpResponse.case]).toEqual([7, undefined]);
  });

  it('is read as a denial by every version of Envoy, whatever it thinks of codes', async () => {
    const responses = [
      await grpc('/no'),
      await grpc('/token', { authorization: 'Bearer x' }),
      await grpc('no-slash'),
      (await door.client.check({})).response,
      (await door.client.check(ask({ to: '10.1.1.1' }))).response,
    ];
    for (const response of responses)
      for (const version of envoyVersions)
        expect(applyResponse(response, new Map(), version).kind).toBe('denied');
  });
});

describe('what a CUSTOM provider wants sent', () => {
  const custom = policyYaml('ask', '{action: CUSTOM, provider: {name: ext}, rules: [{}]}');
  const withAnswer = (answer: CustomResult) =>
    checkServer({
      policies: custom,
      providers: [{ name: 'ext', kind: 'http', service: 'ext', port: 80 } as unknown as ExtensionProvider],
      custom: { ask: () => Promise.resolve(answer) },
    });

  it('to log in is a redirect, code 16 over gRPC, 401 with Location for nginx (proxies:1.5/4)', async () => {
    const location = { name: 'location', value: 'https://login.example/' };
    await using other = await withAnswer({ outcome: 'deny', status: 302, responseHeaders: [location] });
    const { response } = await other.client.check(ask());
    expect(response.status?.code).toBe(16);
    expect(response.httpResponse).toMatchObject({ case: 'deniedResponse', value: { status: { code: 302 } } });
    const expected = { extAuthz: 302, forwardAuth: 302, authRequest: 401 };
    for (const [call, status] of Object.entries(expected)) {
      const reply = await { extAuthz, forwardAuth, authRequest }[call as 'extAuthz'](
        '/ok',
        [],
        other.httpPort,
      );
      expect([call, reply.status, reply.headers.get('location')]).toEqual([call, status, location.value]);
    }
  });

  it('to slow down is 429 with Retry-After, and 403 for nginx (proxies:1.5/8)', async () => {
    const retry = { name: 'retry-after', value: '7' };
    await using other = await withAnswer({ outcome: 'deny', status: 429, responseHeaders: [retry] });
    const { response } = await other.client.check(ask());
    expect(response.status?.code).toBe(7);
    expect(response.httpResponse).toMatchObject({ value: { status: { code: 429 } } });
    expect((await extAuthz('/ok', [], other.httpPort)).status).toBe(429);
    expect((await forwardAuth('/ok', [], other.httpPort)).headers.get('retry-after')).toBe('7');
    expect((await authRequest('/ok', [], other.httpPort)).status).toBe(403);
  });

  it('cannot be a fault that a proxy may be told to let through (proxies:1.5/10)', async () => {
    await using other = await withAnswer({ outcome: 'deny', status: 503 });
    for (const version of envoyVersions)
      expect(applyResponse((await other.client.check(ask())).response, new Map(), version).kind).toBe(
        'denied',
      );
    expect((await extAuthz('/ok', [], other.httpPort)).status).toBe(403);
  });
});

describe('a dialect', () => {
  const missing = async (without: string) => {
    const all: Lines = [
      ['X-Forwarded-Method', 'GET'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'cart.shop'],
      ['X-Forwarded-Uri', '/ok'],
    ];
    return httpCall({
      port: door.httpPort,
      path: '/authz/forward-auth?workload=shop/cart&port=8080',
      headers: all.filter(([name]) => name !== without),
    });
  };

  it.each(['X-Forwarded-Method', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'X-Forwarded-Uri'])(
    'does not guess when %s is missing',
    async (name) => expect((await missing(name)).status).toBe(400),
  );

  it.each([
    ['a second X-Forwarded-Uri', [['X-Forwarded-Uri', '/ok']]],
    ['a list of hosts', [['X-Forwarded-Host', 'a, b']]],
    ['a Connection header that drops X-Forwarded-Host', [['Connection', 'X-Forwarded-Host']]],
    ['an X-Forwarded-For that ends in no address', [['X-Forwarded-For', 'unknown']]],
  ] as const)('refuses %s', async (_what, extra) => {
    expect((await forwardAuth('/ok', extra as Lines)).status).toBe(400);
  });

  it.each(['http://evil/', 'ok', '', '*'])('refuses X-Forwarded-Uri `%s`', async (uri) => {
    expect((await forwardAuth(uri)).status).toBe(400);
  });

  it('reads only its own names: X_Forwarded_Uri is nobody’s', async () => {
    expect(
      (
        await forwardAuth('/no', [
          ['X_Forwarded_Uri', '/ok'],
          ['X-Original-URL', 'https://cart.shop/ok'],
        ])
      ).status,
    ).toBe(403);
  });

  it('that cannot change the path refuses one that is not normalised', async () => {
    for (const call of [extAuthz, forwardAuth]) expect((await call('/no/../ok')).status).toBe(400);
    expect((await grpc('/no/../ok')).status?.code).toBe(0);
  });

  it('takes paths longer than any route parameter', async () => {
    expect((await extAuthz(`/ok/${'a'.repeat(4_000)}`)).status).toBe(200);
  });
});

describe('AuthZEN', () => {
  const post = async (path: string, body: unknown) => {
    const reply = await httpCall({
      port: door.httpPort,
      method: 'POST',
      path,
      headers: [['content-type', 'application/json']],
      body: JSON.stringify(body),
    });
    return { ...reply, json: JSON.parse(reply.body) as Record<string, unknown> };
  };
  const evaluation = (path: string) => ({
    subject: { type: 'spiffe', id: 'spiffe://cluster.local/ns/web/sa/front' },
    resource: { type: 'workload', id: 'shop/cart', properties: { host: 'cart.shop', port: 8080 } },
    action: { name: 'GET', properties: { path } },
  });

  it('answers one evaluation with a decision and its id', async () => {
    expect((await post('/access/v1/evaluation', evaluation('/ok'))).json).toMatchObject({ decision: true });
    const { json } = await post('/access/v1/evaluation', evaluation('/no'));
    expect(json).toMatchObject({ decision: false, context: { reason: 'denied_no_allow_match' } });
  });

  it('answers many, filling each from the defaults, and stops where it is asked to', async () => {
    const { subject, resource } = evaluation('/ok');
    const actions = ['/ok', '/no', '/ok'].map((path) => ({ action: { name: 'GET', properties: { path } } }));
    const all = await post('/access/v1/evaluations', { subject, resource, evaluations: actions });
    expect((all.json.evaluations as { decision: boolean }[]).map(({ decision }) => decision)).toEqual([
      true,
      false,
      true,
    ]);
    const first = await post('/access/v1/evaluations', {
      subject,
      resource,
      evaluations: actions,
      options: { evaluations_semantic: 'deny_on_first_deny' },
    });
    expect(first.json.evaluations).toHaveLength(2);
  });

  it('denies what it cannot read, and tells where its doors are', async () => {
    expect((await post('/access/v1/evaluation', { subject: { type: 'user', id: 'x' } })).json).toMatchObject({
      decision: false,
    });
    expect((await post('/access/v1/evaluation', [])).json).toMatchObject({ decision: false });
    const { body } = await httpCall({ port: door.httpPort, path: '/.well-known/authzen-configuration' });
    expect(JSON.parse(body)).toMatchObject({
      access_evaluation_endpoint: expect.stringContaining('/access/v1/evaluation'),
    });
  });
});
