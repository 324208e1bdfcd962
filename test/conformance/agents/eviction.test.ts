import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { changeAgent } from '../../../src/operations/agents/index.ts';
import {
  agentClient,
  agentToken,
  asIdentity,
  attestWith,
  type JoinedAgent,
  joinAgent,
} from '../../support/agent-client.ts';
import { apply, registration } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { makeCsr } from '../../support/foreign-pki.ts';

const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;
const unauthenticated = { code: StatusCode.UNAUTHENTICATED };
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

let ca: Castellan;
beforeAll(async () => {
  ca = await castellan();
});
afterAll(() => ca[Symbol.asyncDispose]());

function change(id: string, to: 'evicted' | 'banned' | 'unbanned', options = {}) {
  const { store, authority } = ca.server.state;
  return changeAgent(
    {
      trustDomain: authority.trustDomain,
      nodes: store.nodes,
      issuances: store.issuances,
      revocations: store.revocations,
      registrations: ca.server.agents.registrations,
      reports: ca.server.agents.reports,
      clock: systemClock,
    },
    operator,
    { id, to, reason: 'lost', workloads: false, dryRun: false, ...options },
  );
}

async function createFor(agent: JoinedAgent, wanted: string) {
  using client = ca.client(agent);
  const { pem } = await makeCsr({});
  return await client.create({ csr: pem, metadata: { ImpersonatedIdentity: wanted } });
}

/** Every call that an agent makes, with the SVID it has. */
async function tryEverything(agent: JoinedAgent): Promise<readonly unknown[]> {
  using client = agentClient(ca, agent);
  const { der, pem } = await makeCsr({});
  using csrClient = ca.client(agent);
  const failure = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);
  return [
    await failure(client.renew(der)),
    await failure(client.mint({ spiffeId: cart, audiences: ['a'] })),
    await failure(client.sync().next()),
    await failure(csrClient.create({ csr: pem, metadata: { ImpersonatedIdentity: cart } })),
    await failure(csrClient.create({ csr: pem })),
  ];
}

describe('an agent that was evicted', () => {
  it('is refused at once at every door, its open stream ends, and it may attest anew (adv:M15)', async () => {
    const agent = await joinAgent(ca, 'web');
    await apply(ca, registration({ name: 'cart', spiffeId: cart, parentId: agent.id }));
    using client = agentClient(ca, agent);
    const stream = client.sync();
    await stream.next();
    const ended = stream.ended();
    const outcome = await change(agent.id, 'evicted');
    expect(outcome).toMatchObject({ applied: true, before: 'attested', isConnected: true, onlyHere: [cart] });
    expect(outcome.nodeSvids).toHaveLength(1);
    expect([StatusCode.UNAUTHENTICATED, StatusCode.UNAVAILABLE]).toContain((await ended).code);
    for (const refusal of await tryEverything(agent)) expect(refusal).toMatchObject(unauthenticated);
    const again = await attestWith(ca, { case: 'joinToken', value: await agentToken(ca, 'web') });
    expect(again.id).toBe(agent.id);
    await createFor(again, cart);
    for (const refusal of await tryEverything(agent)) expect(refusal).toMatchObject(unauthenticated);
  });

  it('that renewed on the way is refused with the new node SVID too (adv:M15)', async () => {
    const agent = await joinAgent(ca, 'renewing');
    using client = agentClient(ca, agent);
    const csrs = await Promise.all(Array.from({ length: 8 }, () => makeCsr({})));
    const renewals = csrs.map(({ der }) => client.renew(der).catch((error: unknown) => error));
    await change(agent.id, 'evicted');
    for (const [i, result] of (await Promise.all(renewals)).entries()) {
      if (!Array.isArray(result)) continue;
      const renewed = { ...agent, ...asIdentity(result as Uint8Array[], csrs[i]?.privateKeyPem ?? '') };
      for (const refusal of await tryEverything(renewed)) expect(refusal).toMatchObject(unauthenticated);
    }
    expect(ca.server.state.store.nodes.find(agent.id)?.state).toBe('evicted');
  });

  it('keeps nothing of its workloads when that is asked for', async () => {
    const agent = await joinAgent(ca, 'leaky');
    await apply(ca, registration({ name: 'leaky', spiffeId: `${cart}-leaky`, parentId: agent.id }));
    await createFor(agent, `${cart}-leaky`);
    const planned = await change(agent.id, 'evicted', { dryRun: true });
    expect(planned.applied).toBe(false);
    expect(planned.workloadSvids.map(({ spiffeId }) => spiffeId)).toEqual([`${cart}-leaky`]);
    expect(ca.server.state.store.nodes.find(agent.id)?.state).toBe('attested');
    await change(agent.id, 'evicted', { workloads: true });
    const [svid] = planned.workloadSvids;
    expect(ca.server.state.store.revocations.isRevoked(svid?.serial, `${cart}-leaky`)).toBe(true);
  });
});

describe('an agent that was banned', () => {
  it('may not attest until the ban is lifted, whatever it shows', async () => {
    const agent = await joinAgent(ca, 'bad');
    await change('join_token/bad', 'banned');
    for (const refusal of await tryEverything(agent)) expect(refusal).toMatchObject(unauthenticated);
    const value = await agentToken(ca, 'bad');
    await expect(attestWith(ca, { case: 'joinToken', value })).rejects.toMatchObject({
      code: StatusCode.PERMISSION_DENIED,
      details: 'this node is banned',
    });
    await change('join_token/bad', 'unbanned');
    for (const refusal of await tryEverything(agent)) expect(refusal).toMatchObject(unauthenticated);
    const next = await agentToken(ca, 'bad');
    expect((await attestWith(ca, { case: 'joinToken', value: next })).id).toBe(agent.id);
  });
});
