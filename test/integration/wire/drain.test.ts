import { status as StatusCode } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { agentClient, joinAgent } from '../../support/agent-client.ts';
import { castellan } from '../../support/castellan.ts';
import { IstioClient, tlsCredentials } from '../../support/istio-client.ts';
import { until, wireServer } from '../../support/wire-server.ts';

describe('a server that drains', () => {
  it('lets the calls that it has begun end well', async () => {
    const go = Promise.withResolvers<void>();
    await using wire = await wireServer({
      answer: async () => {
        await go.promise;
        return ['late'];
      },
    });
    using client = new IstioClient(wire.address, tlsCredentials({ rootsPem: wire.root.pem }));
    const answer = client.create({ csr: 'x' });
    await until(() => wire.calls() === 1);
    const drained = wire.server.drain(60_000);
    go.resolve();
    expect((await answer).chain).toEqual(['late']);
    await drained;
  });

  it('tells agents why their streams end', async () => {
    await using ca = await castellan();
    using client = agentClient(ca, await joinAgent(ca, 'web'));
    const stream = client.sync();
    await stream.next();
    const ended = stream.ended();
    await ca.server.close();
    expect(await ended).toMatchObject({
      code: StatusCode.UNAVAILABLE,
      details: 'the server is shutting down',
    });
  });
});
