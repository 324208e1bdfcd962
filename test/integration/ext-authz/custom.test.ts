import { describe, expect, it } from 'vitest';
import { StatusCode } from '../../../src/wire/gen/envoy/type/v3/http_status_pb.js';
import { grpcProvider, httpProvider } from '../../fakes/custom-provider.ts';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { askOutside, loopbackListed, mesh, withProvider } from '../../support/custom-mesh.ts';
import { policyYaml } from '../../support/policy.ts';

const clientOf = ({ server }: Castellan) => new CheckClient(server.endpoints.extAuthz);

async function metricsOf({ server }: Castellan): Promise<string> {
  return await (await fetch(`http://${server.endpoints.observability}/metrics`)).text();
}

describe('a CUSTOM provider over gRPC', () => {
  it('is told the request and decides; what it sets goes upstream, but never a header that is ours', async () => {
    using provider = await grpcProvider(() => ({
      status: { code: 0 },
      httpResponse: {
        case: 'okResponse',
        value: {
          headers: [
            { header: { key: 'X-Tenant', value: 'blue' } },
            { header: { key: 'x-list', value: 'b' }, append: true },
            {
              header: { key: 'x-castellan-source-principal', value: 'spiffe://cluster.local/ns/x/sa/forged' },
            },
          ],
          headersToRemove: ['x-secret', 'x-castellan-decision-id'],
        },
      },
    }));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    using client = clientOf(running);
    const { response } = await client.check(ask({ headers: { 'x-list': 'a', 'x-secret': 's' } }));
    expect(response.status?.code).toBe(0);
    const http = provider.asked[0]?.attributes?.request?.http;
    expect(http).toMatchObject({ method: 'GET', path: '/items', host: 'cart.shop' });
    expect(http?.headers).toMatchObject({ ':path': '/items', 'x-list': 'a' });
    expect(provider.asked[0]?.attributes?.destination?.labels).toEqual({ app: 'cart' });
    if (response.httpResponse.case !== 'okResponse') throw new Error('not allowed');
    const { headers, headersToRemove } = response.httpResponse.value;
    const set = headers.map(({ header }) => [header?.key, header?.value]);
    expect(set).toContainEqual(['x-tenant', 'blue']);
    expect(set).toContainEqual(['x-list', 'a,b']);
    expect(set.filter(([name]) => name === 'x-castellan-source-principal')).toEqual([]);
    expect(headersToRemove).toContain('x-secret');
  });

  it('denies with its own status, headers and body', async () => {
    using provider = await grpcProvider(() => ({
      status: { code: 16 },
      httpResponse: {
        case: 'deniedResponse',
        value: {
          status: { code: StatusCode.Found },
          headers: [{ header: { key: 'location', value: 'https://login.example/' } }],
          body: 'log in first',
        },
      },
    }));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    using client = clientOf(running);
    const { response } = await client.check(ask());
    expect(response.status).toMatchObject({ code: 16, message: 'custom_denied' });
    if (response.httpResponse.case !== 'deniedResponse') throw new Error('not denied');
    const { status, body, headers } = response.httpResponse.value;
    expect([status?.code, body]).toEqual([302, 'log in first']);
    expect(headers.map(({ header }) => header?.key)).toContain('location');
  });

  it.each([
    ['fails', 'error'],
    ['answers without a status, which Envoy would take for a yes', {}],
    ['is silent', 'silence'],
  ] as const)(
    'that %s is a denial with its own reason, and an allow only where failOpen says so',
    async (_, said) => {
      using provider = await grpcProvider(() => said);
      const fields = `service: 127.0.0.1, port: ${provider.port}, timeout: 0.2s`;
      await using closed = await withProvider(fields, 'envoyExtAuthzGrpc');
      using client = clientOf(closed);
      expect((await client.check(ask())).response.status).toMatchObject({
        code: 7,
        message: 'custom_unavailable',
      });
      expect((await client.check(ask({ path: '/other' }))).response.status?.code).toBe(0);
      await applyText(closed, mesh(`${fields}, failOpen: true`, 'envoyExtAuthzGrpc'));
      expect((await client.check(ask())).response.status?.code).toBe(0);
      expect(await metricsOf(closed)).toMatch(
        /castellan_authz_custom_requests_total\{[^}]*provider="outside"[^}]*outcome="unavailable"[^}]*\} [1-9]/,
      );
    },
  );

  it('is not waited for again and again while it is down, and asked anew when it is back', async () => {
    using first = await grpcProvider(() => 'error');
    await using running = await withProvider(`service: 127.0.0.1, port: ${first.port}`, 'envoyExtAuthzGrpc');
    using client = clientOf(running);
    for (let i = 0; i < 20; i++)
      expect((await client.check(ask())).response.status?.message).toBe('custom_unavailable');
    expect(first.asked.length).toBeLessThan(8);
    using second = await grpcProvider(() => ({ status: { code: 0 } }));
    await applyText(running, mesh(`service: 127.0.0.1, port: ${second.port}`, 'envoyExtAuthzGrpc'));
    expect((await client.check(ask())).response.status?.code).toBe(0);
  });

  it('on an address that nobody listed is not reached (adv:O05)', async () => {
    using provider = await grpcProvider(() => ({ status: { code: 0 } }));
    const fields = `service: 127.0.0.1, port: ${provider.port}`;
    await using running = await withProvider(fields, 'envoyExtAuthzGrpc', '');
    using client = clientOf(running);
    expect((await client.check(ask())).response.status?.message).toBe('custom_unavailable');
    expect(provider.asked).toEqual([]);
  });

  it('is asked about a plain connection too', async () => {
    using provider = await grpcProvider(() => ({ status: { code: 7 } }));
    await using running = await castellan({ settings: loopbackListed });
    const anyPort = policyYaml(
      'ask',
      '{action: CUSTOM, provider: {name: outside}, rules: [{to: [{operation: {ports: ["9000"]}}]}]}',
    );
    const where = mesh(`service: 127.0.0.1, port: ${provider.port}`, 'envoyExtAuthzGrpc');
    await applyText(running, cartEntry + anyPort + where);
    using client = clientOf(running);
    const { response } = await client.check(ask({ tcp: true, port: 9000 }));
    expect(response.status).toMatchObject({ code: 7, message: 'custom_denied' });
    expect(provider.asked[0]?.attributes?.request).toBeUndefined();
  });
});

describe('a CUSTOM provider over HTTP', () => {
  it('gets method, path and the headers that MeshConfig names, and says yes with 200 alone', async () => {
    using provider = await httpProvider((_request, reply) => {
      reply.setHeader('x-user', 'alice');
      reply.setHeader('x-other', 'no');
      reply.setHeader('x-envoy-auth-headers-to-remove', 'x-internal, host');
      reply.end();
    });
    const fields = `service: 127.0.0.1, port: ${provider.port}, pathPrefix: /check, includeRequestHeadersInCheck: [x-app-*], includeAdditionalHeadersInCheck: {x-mesh: m}, headersToUpstreamOnAllow: [x-user]`;
    await using running = await withProvider(fields, 'envoyExtAuthzHttp');
    using client = clientOf(running);
    const headers = { authorization: 'Bearer t', 'x-app-role': 'r', 'x-mesh': 'forged', cookie: 'c' };
    const { response } = await client.check(ask({ method: 'POST', headers }));
    expect(response.status?.code).toBe(0);
    expect(provider.asked[0]).toMatchObject({ method: 'POST', url: '/check/items' });
    const got = provider.asked[0]?.headers ?? {};
    expect(got).toMatchObject({
      host: 'cart.shop',
      authorization: 'Bearer t',
      'x-app-role': 'r',
      'x-mesh': 'm',
    });
    expect(got.cookie).toBeUndefined();
    if (response.httpResponse.case !== 'okResponse') throw new Error('not allowed');
    const { value } = response.httpResponse;
    const names = value.headers.map(({ header }) => header?.key);
    expect(names).toContain('x-user');
    expect(names).not.toContain('x-other');
    expect(value.headersToRemove).toContain('x-internal');
    expect(value.headersToRemove).not.toContain('host');
  });

  it.each([
    [204, 204, 'custom_denied'],
    [401, 401, 'custom_denied'],
    [429, 429, 'custom_denied'],
    [500, 403, 'custom_unavailable'],
    [503, 403, 'custom_unavailable'],
  ])('that answers %i leads to %i and %s', async (status, shown, reason) => {
    using provider = await httpProvider((_request, reply) => {
      reply.statusCode = status;
      reply.setHeader('www-authenticate', 'Bearer');
      reply.setHeader('x-secret', 's');
      reply.end(status === 204 ? undefined : 'words');
    });
    const fields = `service: 127.0.0.1, port: ${provider.port}, headersToDownstreamOnDeny: [x-why]`;
    await using running = await withProvider(fields, 'envoyExtAuthzHttp');
    using client = clientOf(running);
    const { response } = await client.check(ask());
    expect(response.status?.message).toBe(reason);
    if (response.httpResponse.case !== 'deniedResponse') throw new Error('not denied');
    expect(response.httpResponse.value.status?.code).toBe(shown);
    const names = response.httpResponse.value.headers.map(({ header }) => header?.key);
    expect(names).not.toContain('x-secret');
    expect(names.includes('www-authenticate')).toBe(reason === 'custom_denied');
  });
});

describe('a CUSTOM provider that is this server', () => {
  it('counts as passed by the name that settings give it, so that nobody asks in a circle', async () => {
    await using running = await castellan({
      settings: 'outbound: {allow: [127.0.0.1]}\npolicy: {selfProviders: [outside]}\n',
    });
    await applyText(
      running,
      cartEntry + askOutside + mesh('service: castellan, port: 9191', 'envoyExtAuthzGrpc'),
    );
    using client = clientOf(running);
    expect((await client.check(ask())).response.status?.code).toBe(0);
  });
});
