import { describe, expect, it } from 'vitest';
import { type GrpcAnswer, grpcProvider, httpProvider } from '../../fakes/custom-provider.ts';
import { applyText } from '../../support/apply.ts';
import { mesh, withProvider } from '../../support/custom-mesh.ts';
import { httpCall } from '../../support/http-call.ts';
import { appServer } from '../../support/proxies/app-server.ts';
import { startDeployedEnvoy } from '../../support/proxies/program.ts';
import { portOf } from '../../support/proxies/shop.ts';
import { findTool } from '../../support/tools.ts';

const ports = { listener: 8000, backend: 8080, castellan: 9191 };
const isMissing = findTool('envoy') === undefined;

const host = ['Host', 'cart.shop'] as const;
const withBodies = (most: number) => ({
  'validate_mutations: true': `validate_mutations: true
                      with_request_body: { max_request_bytes: ${most}, allow_partial_message: true }`,
});

async function envoyBefore(doorAddress: string, changes: Readonly<Record<string, string>> = {}) {
  const app = await appServer();
  const around = { backend: app.port, castellan: portOf(doorAddress) };
  const proxy = await startDeployedEnvoy('ext-authz.yaml', around, { ports, changes });
  return {
    app,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(isMissing)('a CUSTOM provider behind Castellan behind a real Envoy', () => {
  it('decides by the body that Envoy was told to send, over gRPC and over HTTP, and never without it', async () => {
    using grpc = await grpcProvider((request) => {
      const body = request.attributes?.request?.http?.body ?? '';
      return { status: { code: body.includes('poison') ? 7 : 0 } };
    });
    using http = await httpProvider((_request, reply) => {
      reply.statusCode = http.asked.at(-1)?.body.includes('poison') ? 403 : 200;
      reply.end();
    });
    const fields = (port: number, more = '') =>
      `service: 127.0.0.1, port: ${port}, includeRequestBodyInCheck: {maxRequestBytes: 16${more}}`;
    await using running = await withProvider(fields(grpc.port), 'envoyExtAuthzGrpc');
    const { extAuthz } = running.server.endpoints;
    await using sending = await envoyBefore(extAuthz, withBodies(64));
    const postTo = async (
      port: number,
      body: string,
      headers: readonly (readonly [string, string])[] = [],
    ) => {
      const lines = [host, ['Content-Length', String(body.length)] as const, ...headers];
      return (await httpCall({ port, method: 'POST', path: '/items', headers: lines, body })).status;
    };
    const post = (body: string) => postTo(sending.proxy.port, body);
    expect([await post('plain'), await post('a poison'), await post('')]).toEqual([200, 403, 200]);
    expect(await post('longer than sixteen bytes')).toBe(413);
    const get = await httpCall({ port: sending.proxy.port, path: '/items', headers: [host] });
    expect(get.status).toBe(200);
    await applyText(running, mesh(fields(grpc.port, ', allowPartialMessage: true'), 'envoyExtAuthzGrpc'));
    expect(await post('longer than sixteen bytes')).toBe(200);
    expect(grpc.asked.at(-1)?.attributes?.request?.http).toMatchObject({
      body: 'longer than sixt',
      headers: { 'x-envoy-auth-partial-body': 'true' },
    });
    expect(await post('x'.repeat(1_000))).toBe(200);
    await applyText(running, mesh(fields(http.port), 'envoyExtAuthzHttp'));
    expect([await post('plain'), await post('a poison')]).toEqual([200, 403]);
    expect(sending.app.seen).toHaveLength(6);

    await using silent = await envoyBefore(extAuthz);
    const claimed = [['X-Envoy-Auth-Partial-Body', 'false']] as const;
    expect(await postTo(silent.proxy.port, 'plain')).toBe(403);
    expect(await postTo(silent.proxy.port, 'plain', claimed)).toBe(403);
    expect(silent.app.seen).toEqual([]);
  });

  it('sets and removes query parameters of what goes on', async () => {
    const answer: GrpcAnswer = {
      status: { code: 0 },
      httpResponse: {
        case: 'okResponse',
        value: {
          queryParametersToSet: [
            { key: 'tenant', value: 'blue%20one' },
            { key: 'a', value: '2' },
          ],
          queryParametersToRemove: ['debug'],
        },
      },
    };
    using provider = await grpcProvider(() => answer);
    await using running = await withProvider(
      `service: 127.0.0.1, port: ${provider.port}`,
      'envoyExtAuthzGrpc',
    );
    await using around = await envoyBefore(running.server.endpoints.extAuthz);
    const path = '/items?debug=1&a=1&keep=%2F';
    expect((await httpCall({ port: around.proxy.port, path, headers: [host] })).status).toBe(200);
    expect(around.app.seen[0]?.path).toBe('/items?a=2&keep=%2F&tenant=blue%20one');
  });
});
