import { describe, expect, it } from 'vitest';
import { grpcProvider, httpProvider } from '../../fakes/custom-provider.ts';
import { applyText } from '../../support/apply.ts';
import type { Castellan } from '../../support/castellan.ts';
import { type AskOptions, ask, CheckClient } from '../../support/check-harness.ts';
import { mesh, withProvider } from '../../support/custom-mesh.ts';
import { httpCall } from '../../support/http-call.ts';
import { portOf } from '../../support/proxies/shop.ts';

const yes = () => ({ status: { code: 0 } });
const clientOf = ({ server }: Castellan) => new CheckClient(server.endpoints.extAuthz);
const place = (port: number) => `service: 127.0.0.1, port: ${port}`;
const wants = (more = '') => `includeRequestBodyInCheck: {maxRequestBytes: 8${more}}`;
const post = (options: AskOptions) => ask({ method: 'POST', ...options });
const length = (body: string) => ({ 'content-length': String(body.length) });

async function reasonOf(client: CheckClient, options: AskOptions) {
  const { response } = await client.check(post(options));
  const { status, httpResponse } = response;
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  return [status?.message || 'allowed', denied?.status?.code];
}

describe('the body of a request', () => {
  it('goes to a gRPC provider that wants it, as text or as bytes, and to no other', async () => {
    using provider = await grpcProvider(yes);
    await using running = await withProvider(place(provider.port), 'envoyExtAuthzGrpc');
    using client = clientOf(running);
    const told = async (options: AskOptions) => {
      await client.check(post(options));
      return provider.asked.at(-1)?.attributes?.request?.http;
    };
    const body = 'a=1';
    expect(await told({ body, headers: length(body) })).toMatchObject({
      body: '',
      rawBody: { length: 0 },
    });
    await applyText(running, mesh(`${place(provider.port)}, ${wants()}`, 'envoyExtAuthzGrpc'));
    const asText = await told({
      body: Buffer.from(body),
      headers: { ...length(body), 'x-envoy-auth-partial-body': 'false' },
    });
    expect(asText).toMatchObject({ body, headers: { 'x-envoy-auth-partial-body': 'false' } });
    await applyText(
      running,
      mesh(`${place(provider.port)}, ${wants(', packAsBytes: true')}`, 'envoyExtAuthzGrpc'),
    );
    const bytes = new Uint8Array([0, 255, 1]);
    const packed = await told({ body: bytes });
    expect([packed?.body, [...(packed?.rawBody ?? [])]]).toEqual(['', [...bytes]]);
    // Not UTF-8, for one that wants text.
    await applyText(running, mesh(`${place(provider.port)}, ${wants()}`, 'envoyExtAuthzGrpc'));
    expect((await told({ body: bytes }))?.body).toBe('\0\ufffd\u0001');
  });

  it('is cut for a provider that takes parts, and is 413 for one that does not, whatever failOpen says (adv:Z30)', async () => {
    using provider = await grpcProvider(yes);
    await using running = await withProvider(
      `${place(provider.port)}, failOpen: true, ${wants()}`,
      'envoyExtAuthzGrpc',
    );
    using client = clientOf(running);
    expect(await reasonOf(client, { body: '12345678' })).toEqual(['allowed', undefined]);
    expect(await reasonOf(client, { body: '123456789' })).toEqual(['custom_denied', 413]);
    const cut = { body: '12345', headers: { 'x-envoy-auth-partial-body': 'true' } };
    expect(await reasonOf(client, cut)).toEqual(['custom_denied', 413]);
    expect(provider.asked).toHaveLength(1);
    await applyText(
      running,
      mesh(`${place(provider.port)}, ${wants(', allowPartialMessage: true')}`, 'envoyExtAuthzGrpc'),
    );
    expect(await reasonOf(client, { body: '123456789' })).toEqual(['allowed', undefined]);
    expect(provider.asked.at(-1)?.attributes?.request?.http).toMatchObject({
      body: '12345678',
      headers: { 'x-envoy-auth-partial-body': 'true' },
    });
    expect(await reasonOf(client, cut)).toEqual(['allowed', undefined]);
    expect(provider.asked.at(-1)?.attributes?.request?.http?.headers).toMatchObject({
      'x-envoy-auth-partial-body': 'true',
    });
  });

  it('that the proxy kept to itself is no answer: denied, unless failOpen says otherwise (adv:Z30)', async () => {
    using provider = await grpcProvider(yes);
    const partial = wants(', allowPartialMessage: true');
    await using running = await withProvider(`${place(provider.port)}, ${partial}`, 'envoyExtAuthzGrpc');
    using client = clientOf(running);
    const withheld: readonly AskOptions[] = [
      { headers: { 'content-length': '3' } },
      // A claim of the client alone.
      { headers: { 'content-length': '3', 'x-envoy-auth-partial-body': 'false' } },
      { headers: { 'transfer-encoding': 'chunked' }, protocol: 'HTTP/1.1' },
      { method: 'GET', headers: { 'content-length': '3' } },
      // HTTP/2 needs no length to have a body.
      {},
    ];
    for (const options of withheld)
      expect(await reasonOf(client, options)).toEqual(['custom_unavailable', 403]);
    expect(provider.asked).toEqual([]);
    const { response } = await client.check(post({}));
    const id = response.dynamicMetadata?.decision_id as string;
    const found = await running.server.state.store.decisions.find(id);
    expect(JSON.parse(found?.body ?? '{}')).toMatchObject({
      detail: 'provider `outside` wants request bodies, and the proxy sent none',
    });
    await applyText(
      running,
      mesh(`${place(provider.port)}, failOpen: true, ${partial}`, 'envoyExtAuthzGrpc'),
    );
    expect(await reasonOf(client, {})).toEqual(['allowed', undefined]);
    expect(provider.asked).toEqual([]);
  });

  it('that is not there is not missed', async () => {
    using provider = await grpcProvider(yes);
    await using running = await withProvider(`${place(provider.port)}, ${wants()}`, 'envoyExtAuthzGrpc');
    using client = clientOf(running);
    const bodiless: readonly AskOptions[] = [
      { method: 'GET' },
      { headers: { 'content-length': '0' } },
      { protocol: 'HTTP/1.1', headers: { 'x-envoy-auth-partial-body': 'true' } },
    ];
    for (const options of bodiless) expect(await reasonOf(client, options)).toEqual(['allowed', undefined]);
    for (const { attributes } of provider.asked) {
      expect(attributes?.request?.http?.body).toBe('');
      expect(attributes?.request?.http?.headers).not.toHaveProperty('x-envoy-auth-partial-body');
    }
  });

  it('goes to an HTTP provider as the body of its own request', async () => {
    using provider = await httpProvider((_request, reply) => reply.end());
    await using running = await withProvider(
      `${place(provider.port)}, ${wants(', allowPartialMessage: true')}`,
      'envoyExtAuthzHttp',
    );
    using client = clientOf(running);
    expect(await reasonOf(client, { body: 'abc' })).toEqual(['allowed', undefined]);
    expect(provider.asked.at(-1)).toMatchObject({
      method: 'POST',
      body: 'abc',
      headers: { 'content-length': '3', 'x-envoy-auth-partial-body': 'false' },
    });
    expect(await reasonOf(client, { body: '123456789' })).toEqual(['allowed', undefined]);
    expect(provider.asked.at(-1)).toMatchObject({
      body: '12345678',
      headers: { 'x-envoy-auth-partial-body': 'true' },
    });
  });

  it('has no way through a door of HTTP: a provider that wants it is not asked there', async () => {
    using provider = await grpcProvider(yes);
    await using running = await withProvider(
      `${place(provider.port)}, ${wants(', allowPartialMessage: true')}`,
      'envoyExtAuthzGrpc',
    );
    const port = portOf(running.server.endpoints.extAuthzHttp ?? '');
    const forwarded = (uri: string) =>
      httpCall({
        port,
        path: '/authz/forward-auth?workload=shop/cart&port=8080',
        headers: [
          ['X-Forwarded-Method', 'GET'],
          ['X-Forwarded-Proto', 'https'],
          ['X-Forwarded-Host', 'cart.shop'],
          ['X-Forwarded-Uri', uri],
          ['X-Forwarded-For', '10.0.0.7'],
        ],
      });
    expect((await forwarded('/other')).status).toBe(200);
    const refused = await forwarded('/items');
    expect(refused.status).toBe(403);
    expect(provider.asked).toEqual([]);
    const id = refused.headers.get('x-castellan-decision-id') ?? '';
    const found = await running.server.state.store.decisions.find(id);
    expect(JSON.parse(found?.body ?? '{}')).toMatchObject({ reason: 'custom_unavailable' });
  });
});
