import { connect } from 'node:net';
import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../../src/wire/gen/grpc/health/v1/health_pb.js';
import { SpiffeWorkloadAPI } from '../../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { registration } from '../../fakes/agent-server.ts';
import {
  type AgentUnderTest,
  errorOf,
  SocketClient,
  securityHeader,
  selfSelectors,
  startTestAgent,
} from '../../support/agent.ts';
import { workloadApi } from '../../support/workload-client.ts';

let node: AgentUnderTest;
let client: SocketClient;
beforeAll(async () => {
  node = await startTestAgent({
    registrations: [registration('a/web', 'spiffe://cluster.local/web', selfSelectors)],
  });
  client = new SocketClient(node.socket);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await node[Symbol.asyncDispose]();
});

const calls = {
  FetchX509SVID: (headers: Parameters<typeof workloadApi.x509>[1]) =>
    workloadApi.x509(client, headers).next(),
  FetchX509Bundles: (headers: Parameters<typeof workloadApi.x509>[1]) =>
    workloadApi.x509Bundles(client, headers).next(),
  FetchJWTBundles: (headers: Parameters<typeof workloadApi.x509>[1]) =>
    workloadApi.jwtBundles(client, headers).next(),
  FetchJWTSVID: (headers: Parameters<typeof workloadApi.x509>[1]) =>
    workloadApi.jwt(client, ['db'], '', headers),
  ValidateJWTSVID: (headers: Parameters<typeof workloadApi.x509>[1]) =>
    workloadApi.validate(client, 'db', 'x', headers),
};

describe('the workload endpoint', () => {
  it('is gRPC over a Unix socket without TLS, and needs nothing of the caller but the header (spiffe:E-01 spiffe:E-02 spiffe:E-03 spiffe:E-06 spiffe:E-09)', async () => {
    const { svids } = await workloadApi.x509(client).next();
    expect(svids).toHaveLength(1);
    expect(node.agent.socket.path.startsWith('/')).toBe(true);
  });

  it.each(Object.entries(calls))(
    '%s without exactly one security header `true` is INVALID_ARGUMENT (spiffe:E-04 spiffe:E-05)',
    async (_name, call) => {
      const wrong: Readonly<Record<string, string | readonly string[]>>[] = [
        {},
        { 'workload.spiffe.io': 'True' },
        { 'workload.spiffe.io': 'false' },
        { 'workload.spiffe.io': '' },
        { 'workload.spiffe.io': ['true', 'true'] },
        { 'workload.spiffe': 'true' },
      ];
      for (const headers of wrong)
        expect((await errorOf(call(headers))).code, JSON.stringify(headers)).toBe(
          StatusCode.INVALID_ARGUMENT,
        );
    },
  );

  it('judges the header before the caller, so that a probe learns nothing of registrations (spiffe:E-05)', async () => {
    const before = node.refusals.length;
    await errorOf(workloadApi.x509(client, {}).next());
    expect(node.refusals.length).toBe(before);
  });

  it('does not know other methods, and offers no other service under the name of the standard (spiffe:E-12 spiffe:E-14 spiffe:W-02)', async () => {
    const empty = [HealthCheckRequestSchema, HealthCheckResponseSchema] as const;
    const unknown = await errorOf(client.unary('/SpiffeWorkloadAPI/FetchEverything', empty, {}));
    expect(unknown.code).toBe(StatusCode.UNIMPLEMENTED);
    expect(SpiffeWorkloadAPI.methods.map(({ name }) => name).sort()).toEqual([
      'FetchJWTBundles',
      'FetchJWTSVID',
      'FetchWITBundles',
      'FetchWITSVID',
      'FetchX509Bundles',
      'FetchX509SVID',
      'ValidateJWTSVID',
    ]);
  });

  it('answers health beside the Workload API without the header (spiffe:E-15)', async () => {
    const health = [HealthCheckRequestSchema, HealthCheckResponseSchema] as const;
    const { status } = await client.unary('/grpc.health.v1.Health/Check', health, { service: '' }, {});
    expect(status).toBe(Serving.SERVING);
  });

  it('is UNAVAILABLE while it has not heard from its server (spiffe:E-10)', async () => {
    await using waiting = await startTestAgent({
      registrations: [registration('a/web', 'spiffe://cluster.local/web', selfSelectors)],
      isHeard: false,
      prepare: (server) => {
        server.state.refuse = (method) => (method === 'sync' ? new Error('not now') : undefined);
      },
    });
    using early = new SocketClient(waiting.socket);
    expect((await errorOf(workloadApi.x509(early).next())).code).toBe(StatusCode.UNAVAILABLE);
  });

  it('refuses a caller for whom nothing is registered, and leaves word of why (spiffe:E-11 spiffe:W-14)', async () => {
    await using stranger = await startTestAgent({
      registrations: [
        registration('a/far', 'spiffe://cluster.local/far', ['unix:uid:1', 'unix:gid:2']),
        registration('a/near', 'spiffe://cluster.local/near', [...selfSelectors, 'unix:path:/elsewhere']),
      ],
    });
    using caller = new SocketClient(stranger.socket);
    const refused = await errorOf(workloadApi.x509(caller).next());
    expect(refused.code).toBe(StatusCode.PERMISSION_DENIED);
    const [requestId] = refused.metadata.get('x-castellan-request-id');
    const [word] = stranger.refusals.filter((one) => one.requestId === requestId);
    expect(word?.evidence).toMatchObject({
      pid: process.pid,
      nearestRegistration: 'a/near',
      missingSelectors: ['unix:path:/elsewhere'],
    });
    for (const call of [workloadApi.x509Bundles, workloadApi.jwtBundles])
      expect((await errorOf(call(caller).next())).code).toBe(StatusCode.PERMISSION_DENIED);
    expect((await errorOf(workloadApi.jwt(caller, ['a']))).code).toBe(StatusCode.PERMISSION_DENIED);
    expect((await errorOf(workloadApi.validate(caller, 'a', 'b'))).code).toBe(StatusCode.PERMISSION_DENIED);
  });

  it('speaks HTTP/2 to nobody who does not, and goes on (adv:N11)', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(node.socket, () => socket.end('GET / HTTP/1.1\r\n\r\n'));
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
      socket.resume();
    });
    expect((await workloadApi.x509(client, securityHeader).next()).svids).toHaveLength(1);
  });
});
