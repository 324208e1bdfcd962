import { describe, expect, it } from 'vitest';
import { systemEnvironment } from '../../src/app/environment.ts';
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../../src/wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { FakeLogger } from '../fakes/logger.ts';
import { startCollector } from '../fakes/otlp-collector.ts';
import { SocketClient, selfSelectors, startTestAgent } from '../support/agent.ts';
import { AccountIssuer } from '../support/callers.ts';
import { castellan } from '../support/castellan.ts';
import { leafOf } from '../support/certificates.ts';
import { makeCsr } from '../support/foreign-pki.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const traced = { traceparent: `00-${traceId}-${spanId}-01` };

const accounts = new AccountIssuer();

describe('spans of certificates and secrets', () => {
  it('are made of each signature that a caller wants traced, with its serial or with why there is none', async () => {
    await using collector = await startCollector();
    const ca = await castellan({
      settings: accounts.settings,
      environment: { variables: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } },
    });
    using client = ca.client();
    const csr = (await makeCsr()).pem;
    const answer = await client.create({ csr }, { ...accounts.bearer(), ...traced });
    await client.refused(
      { csr, validityDuration: 1_000_000_000n },
      { ...accounts.bearer(), b3: `${traceId}-${spanId}-1` },
    );
    const untraced = { traceparent: `00-${traceId}-${spanId}-00` };
    await client.create({ csr: (await makeCsr()).pem }, { ...accounts.bearer(), ...untraced });
    // What is left is brought when the server ends.
    await ca[Symbol.asyncDispose]();
    const common = {
      traceId,
      parentSpanId: spanId,
      attributes: {
        'castellan.spiffe_id': 'spiffe://cluster.local/ns/shop/sa/cart',
        'castellan.caller_method': 'jwt',
      },
    };
    const leaf = leafOf(answer.chain);
    expect(collector.spans.filter(({ name }) => name === 'castellan.ca.sign')).toMatchObject([
      {
        ...common,
        attributes: {
          ...common.attributes,
          'castellan.serial': leaf.serial,
          'castellan.request_id': String(answer.trailers.get('x-castellan-request-id')[0]),
          'castellan.shortened': false,
        },
      },
      { ...common, attributes: { ...common.attributes, 'castellan.error': 'TTL_ERROR' } },
    ]);
    // A caller that asks for too much is no fault of ours.
    expect(collector.spans.every(({ status }) => (status?.code ?? 0) === 0)).toBe(true);
  });

  it('are made of each push of secrets, and say what the proxy made of it', async () => {
    await using collector = await startCollector();
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'always_on',
    };
    {
      await using node = await startTestAgent({
        registrations: [
          { name: 'a', spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart', selectors: [...selfSelectors] },
        ],
        options: { environment: { ...systemEnvironment(new FakeLogger()), variables } },
      });
      using client = new SocketClient(node.socket);
      const stream = client.duplex(
        '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
        [DiscoveryRequestSchema, DiscoveryResponseSchema],
        traced,
      );
      stream.send({ node: { id: 'front' }, resourceNames: ['default'] });
      const first = await stream.next();
      stream.send({ resourceNames: ['default', 'ROOTCA'], responseNonce: first.nonce });
      const second = await stream.next();
      stream.send({
        resourceNames: ['default', 'ROOTCA', 'ALL'],
        responseNonce: second.nonce,
        errorDetail: { code: 3, message: 'bad roots' },
      });
      await stream.next();
    }
    const pushes = collector.spans.filter(({ name }) => name === 'castellan.sds.push');
    const push = (result: string) => ({
      traceId,
      parentSpanId: spanId,
      attributes: { 'castellan.sds.node': 'front', 'castellan.sds.result': result },
    });
    expect(pushes).toMatchObject([push('accepted'), push('refused'), push('unanswered')]);
  });
});
