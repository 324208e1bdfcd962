import { describe, expect, it } from 'vitest';
import { SpiffeId } from '../../../src/spiffe/index.ts';
import { publicKeyOf } from '../../../src/x509/index.ts';
import { type GrpcAnswer, grpcProvider } from '../../fakes/custom-provider.ts';
import { applyText } from '../../support/apply.ts';
import { newKey } from '../../support/castellan.ts';
import { ask, CheckClient, webFront } from '../../support/check-harness.ts';
import { loopbackListed, mesh, withProvider } from '../../support/custom-mesh.ts';
import { httpCall } from '../../support/http-call.ts';
import { portOf } from '../../support/proxies/shop.ts';

const params = (set: Readonly<Record<string, string>>, removed: readonly string[] = []): GrpcAnswer => ({
  status: { code: 0 },
  httpResponse: {
    case: 'okResponse',
    value: {
      queryParametersToSet: Object.entries(set).map(([key, value]) => ({ key, value })),
      queryParametersToRemove: [...removed],
    },
  },
});

describe('what a CUSTOM provider answers about query parameters', () => {
  it('goes on within the path that Envoy sends upstream', async () => {
    using provider = await grpcProvider(() => params({ tenant: 'blue%20one', empty: '' }, ['debug']));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    using client = new CheckClient(running.server.endpoints.extAuthz);
    const path = '/items?debug=1&a=%32&tenant=red&%74enant=green';
    const { response } = await client.check(ask({ path }));
    if (response.httpResponse.case !== 'okResponse') throw new Error('not allowed');
    // Within the path: of parameters with a percent sign Envoy itself says that they are not encoded.
    const set = response.httpResponse.value.headers.find(({ header }) => header?.key === ':path');
    expect(set?.header?.value).toBe('/items?a=%32&tenant=blue%20one&empty=');
  });

  it.each([
    ['a value that would be two', { a: '1&b=2' }],
    ['a value that would end the query', { a: '1#' }],
    ['a value with a line in it', { a: '1\r\nx: y' }],
    ['a value that is half encoded', { a: '%4' }],
    ['no name', { '': '1' }],
  ])('is no answer with %s', async (_, set) => {
    using provider = await grpcProvider(() => params(set as Readonly<Record<string, string>>));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    using client = new CheckClient(running.server.endpoints.extAuthz);
    expect((await client.check(ask())).response.status?.message).toBe('custom_unavailable');
  });

  it('is refused behind a proxy that cannot apply it, unless failOpen takes the request as it came', async () => {
    let answer = params({ tenant: 'blue' });
    using provider = await grpcProvider(() => answer);
    const fields = `service: 127.0.0.1, port: ${provider.port}`;
    await using running = await withProvider(fields, 'envoyExtAuthzGrpc');
    const port = portOf(running.server.endpoints.extAuthzHttp ?? '');
    const check = () =>
      httpCall({
        port,
        path: '/authz/auth-request?workload=shop/cart&port=8080',
        headers: [
          ['X-Original-Method', 'GET'],
          ['X-Original-URL', 'https://cart.shop/items?a=1'],
          ['X-Real-IP', '10.0.0.7'],
        ],
      });
    const refused = await check();
    expect(refused.status).toBe(403);
    const found = await running.server.state.store.decisions.find(
      refused.headers.get('x-castellan-decision-id') ?? '',
    );
    expect(JSON.parse(found?.body ?? '{}')).toMatchObject({
      reason: 'custom_unavailable',
      detail: 'provider `outside` changes query parameters, which this proxy cannot',
    });
    answer = params({}, ['a']);
    expect((await check()).status).toBe(403);
    answer = params({});
    expect((await check()).status).toBe(200);
    answer = params({ tenant: 'blue' });
    await applyText(running, mesh(`${fields}, failOpen: true`, 'envoyExtAuthzGrpc'));
    expect((await check()).status).toBe(200);
  });
});

describe('what a CUSTOM provider answers', () => {
  it('is on record without the secrets in it', async () => {
    using provider = await grpcProvider(() => ({
      status: { code: 0 },
      httpResponse: {
        case: 'okResponse',
        value: {
          headers: [
            { header: { key: 'Authorization', value: 'Bearer hush-1' } },
            { header: { key: 'x-tenant', value: 'blue' } },
          ],
          queryParametersToSet: [
            { key: 'access_token', value: 'hush-2' },
            { key: 'team', value: 'garnet' },
          ],
        },
      },
    }));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
      `${loopbackListed}decisions: {sampleAllows: 1}\n`,
    );
    using client = new CheckClient(running.server.endpoints.extAuthz);
    const { response } = await client.check(ask());
    const id = response.dynamicMetadata?.decision_id as string;
    const { body = '' } = (await running.server.state.store.decisions.find(id)) ?? {};
    expect(body).not.toContain('hush');
    for (const shown of ['blue', 'garnet', 'access_token', 'authorization']) expect(body).toContain(shown);
  });
});

describe('what a CUSTOM provider is told of the client', () => {
  it('is its certificate once it has proven to hold it, and never one that is only claimed', async () => {
    using provider = await grpcProvider(() => ({ status: { code: 0 } }));
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    using client = new CheckClient(running.server.endpoints.extAuthz);
    const told = async (certificate: string) => {
      await client.check(ask({ certificate }));
      const { principal, certificate: sent } = provider.asked.at(-1)?.attributes?.source ?? {};
      return { principal, certificate: sent };
    };
    const deniedWith = async (certificate: string) =>
      (await client.check(ask({ certificate }))).response.status?.message;
    const key = newKey();
    const { chainPem } = await running.server.state.authority.issueForKey({
      publicKey: publicKeyOf(key),
      spiffeId: SpiffeId.parse(webFront),
      requestedTtlSeconds: 3600,
    });
    const encoded = encodeURIComponent(chainPem[0] as string);
    expect(await told(encoded)).toEqual({ principal: webFront, certificate: encoded });
    expect(await told(chainPem[0] as string)).toEqual({ principal: webFront, certificate: encoded });
    const another = encodeURIComponent(chainPem.at(-1) as string);
    expect(await deniedWith(another)).toBe('peer_untrusted_root');
    expect(provider.asked).toHaveLength(2);
    expect(await told('')).toMatchObject({ certificate: '' });
  });
});
