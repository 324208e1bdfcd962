import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  X509BundlesRequestSchema,
  X509BundlesResponseSchema,
  X509SVIDRequestSchema,
  X509SVIDResponseSchema,
} from '../../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { registration } from '../../fakes/agent-server.ts';
import { type AgentUnderTest, SocketClient, selfSelectors, startTestAgent } from '../../support/agent.ts';

const x509 = [X509SVIDRequestSchema, X509SVIDResponseSchema] as const;
const fetchX509 = '/SpiffeWorkloadAPI/FetchX509SVID';

let it_: AgentUnderTest;
beforeAll(async () => {
  it_ = await startTestAgent({
    registrations: [registration('a/web', 'spiffe://cluster.local/web', selfSelectors)],
  });
});
afterAll(() => it_[Symbol.asyncDispose]());

describe('FetchX509SVID', () => {
  it('gives a workload its identity', async () => {
    using client = new SocketClient(it_.socket);
    using stream = client.stream(fetchX509, x509);
    const { svids } = await stream.next();
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://cluster.local/web']);
  });
});
void [
  createPrivateKey,
  createPublicKey,
  X509Certificate,
  X509BundlesRequestSchema,
  X509BundlesResponseSchema,
];
