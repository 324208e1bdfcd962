import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../../src/wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import type { RegistrationInit } from '../../fakes/agent-server.ts';
import { errorOf, SocketClient, selfSelectors, startTestAgent } from '../../support/agent.ts';

const service = '/envoy.service.secret.v3.SecretDiscoveryService';
const whole = [DiscoveryRequestSchema, DiscoveryResponseSchema] as const;
const delta = [DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema] as const;
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const batch = 'spiffe://cluster.local/ns/shop/sa/batch';

const registration = (name: string, spiffeId: string): RegistrationInit => ({
  name,
  spiffeId,
  selectors: [...selfSelectors],
});

describe('secrets over the socket of the agent', () => {
  it('come by all three calls, without the header of the Workload API (sds:2.1/1 sds:2.4/5 sds:2.4/6)', async () => {
    await using node = await startTestAgent({ registrations: [registration('a', cart)] });
    using client = new SocketClient(node.socket);
    const stream = client.duplex(`${service}/StreamSecrets`, whole);
    stream.send({ resourceNames: ['default', 'ROOTCA'] });
    const secrets: number[] = [];
    while (secrets.length < 2) secrets.push(...(await stream.next()).resources.map(() => 1));
    const changes = client.duplex(`${service}/DeltaSecrets`, delta);
    changes.send({ resourceNamesSubscribe: [cart] });
    expect((await changes.next()).resources.map(({ name }) => name)).toEqual([cart]);
    const fetched = await client.unary(
      `${service}/FetchSecrets`,
      whole,
      { resourceNames: ['default', 'ALL'] },
      {},
    );
    expect(fetched.resources).toHaveLength(2);
  });

  it('are refused to a caller that nothing is registered for, with an id to explain', async () => {
    await using node = await startTestAgent({
      registrations: [{ name: 'a', spiffeId: cart, selectors: ['unix:uid:4242'] }],
    });
    using client = new SocketClient(node.socket);
    const stream = client.duplex(`${service}/DeltaSecrets`, delta);
    stream.send({ resourceNamesSubscribe: ['default'] });
    const error = await errorOf(stream.next());
    expect(error.code).toBe(status.PERMISSION_DENIED);
    expect(String(error.metadata.get('x-castellan-request-id')[0])).toMatch(/^[0-9A-Z]{26}$/);
    expect(node.refusals.at(-1)?.evidence).toMatchObject({ nearestRegistration: 'a' });
  });

  it('are not those of others: a name that is not this workload’s is silence, and the stream goes on (sds:2.2/6 sds:2.4/3)', async () => {
    await using node = await startTestAgent({
      registrations: [registration('a', cart), { name: 'b', spiffeId: batch, selectors: ['unix:uid:4242'] }],
    });
    using client = new SocketClient(node.socket);
    const stream = client.duplex(`${service}/StreamSecrets`, whole);
    stream.send({ resourceNames: [batch, 'default'] });
    const first = await stream.next();
    expect(first.resources).toHaveLength(1);
    node.server.register(registration('a', cart), registration('b', batch));
    const second = await stream.next();
    expect(second.resources).toHaveLength(1);
    const error = await errorOf(
      client.unary(`${service}/FetchSecrets`, whole, { resourceNames: ['nonsense'] }),
    );
    expect(error.code).toBe(status.NOT_FOUND);
  });

  it('are not asked for by the thousand: that stream ends, and no other (sds:2.2/9)', async () => {
    await using node = await startTestAgent({ registrations: [registration('a', cart)] });
    using client = new SocketClient(node.socket);
    const greedy = client.duplex(`${service}/StreamSecrets`, whole);
    greedy.send({ resourceNames: Array.from({ length: 5_000 }, (_, n) => `${cart}/${n}`) });
    expect((await errorOf(greedy.next())).code).toBe(status.INVALID_ARGUMENT);
    const other = client.duplex(`${service}/StreamSecrets`, whole);
    other.send({ resourceNames: ['default'] });
    expect((await other.next()).resources).toHaveLength(1);
  });

  it('are counted and logged when a proxy refuses them, and not sent again as they were (sds:2.2/10)', async () => {
    await using node = await startTestAgent({ registrations: [registration('a', cart)] });
    using client = new SocketClient(node.socket);
    const stream = client.duplex(`${service}/StreamSecrets`, whole);
    stream.send({ node: { id: 'front' }, resourceNames: ['default'] });
    const { nonce, versionInfo } = await stream.next();
    stream.send({
      resourceNames: ['default', 'ROOTCA'],
      responseNonce: nonce,
      versionInfo,
      errorDetail: { code: 3, message: 'bad certificate' },
    });
    expect((await stream.next()).resources).toHaveLength(1);
    expect(node.logger.lines).toContainEqual(
      expect.objectContaining({
        message: 'a proxy refused secrets',
        fields: { node: 'front', names: ['default'], detail: 'bad certificate' },
      }),
    );
    expect(await node.metrics.scrape()).toMatch(/castellan_agent_sds_nacks_total(\{[^}]*\})? 1/);
  });

  it('end with the agent: a proxy must not hold on to one that is gone', async () => {
    const node = await startTestAgent({ registrations: [registration('a', cart)] });
    using client = new SocketClient(node.socket);
    const stream = client.duplex(`${service}/DeltaSecrets`, delta);
    stream.send({ resourceNamesSubscribe: ['default'] });
    await stream.next();
    await node[Symbol.asyncDispose]();
    // A stream that is cut off in the midst of a frame is an internal error to its client, else the server is away.
    expect([status.UNAVAILABLE, status.INTERNAL]).toContain((await errorOf(stream.next())).code);
  });
});
