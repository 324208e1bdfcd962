import { status as StatusCode } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { parseCertificate } from '../../../src/x509/index.ts';
import { agentClient, agentToken, attestWith, joinAgent } from '../../support/agent-client.ts';
import { apply, registration, scratchDirectory } from '../../support/callers.ts';
import { castellan } from '../../support/castellan.ts';
import { makeCsr } from '../../support/foreign-pki.ts';

const web = 'spiffe://cluster.local/castellan/agent/join_token/web';
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';

describe('an agent with a join token', () => {
  it('gets a node SVID and the bundle, on record and in the audit log before it has them', async () => {
    await using ca = await castellan();
    const agent = await joinAgent(ca, 'web');
    expect(agent.id).toBe(web);
    const [leaf, intermediate] = agent.accepted.chainDer.map((der) => parseCertificate(der));
    expect(leaf?.san?.uris).toEqual([web]);
    expect(intermediate?.isCa).toBe(true);
    expect(agent.accepted.bundle?.x509RootsDer).toHaveLength(1);
    const { store } = ca.server.state;
    expect(await store.issuances.findBySerial(leaf?.serial ?? '')).toMatchObject({ spiffeId: web });
    expect(store.nodes.find(web)).toMatchObject({
      state: 'attested',
      method: 'join_token',
      serial: leaf?.serial,
    });
    const actions = (await store.audit.list({ object: web })).map(({ action }) => action);
    expect(actions).toEqual(['node.attest', 'certificate.issue', 'join-token.redeem', 'join-token.create']);
  });

  it('cannot use it twice, and a CSR that cannot be signed does not use it up', async () => {
    await using ca = await castellan();
    const token = await agentToken(ca, 'web');
    using client = agentClient(ca);
    const evidence = { case: 'joinToken' as const, value: token };
    await expect(client.attest({ csrDer: Uint8Array.of(48, 0), evidence })).rejects.toMatchObject({
      code: StatusCode.INVALID_ARGUMENT,
    });
    await attestWith(ca, evidence);
    await expect(attestWith(ca, evidence)).rejects.toMatchObject({ code: StatusCode.UNAUTHENTICATED });
  });

  it('renews its node SVID with it, and not without it', async () => {
    await using ca = await castellan();
    const agent = await joinAgent(ca, 'web');
    const { der } = await makeCsr({});
    using client = agentClient(ca, agent);
    const [leafDer] = await client.renew(der);
    const leaf = parseCertificate(leafDer ?? new Uint8Array());
    expect(leaf.san?.uris).toEqual([web]);
    expect(ca.server.state.store.nodes.find(web)?.serial).toBe(leaf.serial);
    using stranger = agentClient(ca);
    await expect(stranger.renew(der)).rejects.toMatchObject({ code: StatusCode.UNAUTHENTICATED });
  });
});

describe('the stream of an agent', () => {
  it('begins with everything and goes on with what changes', async () => {
    await using ca = await castellan();
    await apply(ca, registration({ name: 'cart', spiffeId: cart, parentId: web }));
    await apply(ca, registration({ name: 'other', spiffeId: `${cart}2`, parentId: `${web}2` }));
    const agent = await joinAgent(ca, 'web');
    using client = agentClient(ca, agent);
    const stream = client.sync();
    const first = await stream.next();
    expect(first.isFull).toBe(true);
    expect(first.registrations?.items).toMatchObject([
      { name: 'default/cart', spiffeId: cart, selectors: ['unix:uid:1000'] },
    ]);
    expect(first.bundles?.items).toMatchObject([{ trustDomain: 'cluster.local' }]);
    await apply(
      ca,
      registration({ name: 'pay', spiffeId: 'spiffe://cluster.local/ns/shop/sa/pay', parentId: web }),
    );
    const second = await stream.next();
    expect(second.isFull).toBe(false);
    expect(second.bundles).toBeUndefined();
    expect(second.registrations?.items.map(({ name }) => name)).toEqual(['default/cart', 'default/pay']);
    stream.cancel();
  });

  it('sends nothing twice to an agent that comes back, also to a server that was started anew (adv:N19)', async () => {
    const stateDir = `${scratchDirectory()}/state`;
    let revision: string;
    let agent: Awaited<ReturnType<typeof joinAgent>>;
    {
      await using ca = await castellan({ stateDir });
      await apply(ca, registration({ name: 'cart', spiffeId: cart, parentId: web }));
      agent = await joinAgent(ca, 'web');
      using client = agentClient(ca, agent);
      const stream = client.sync();
      ({ revision } = await stream.next());
      stream.cancel();
    }
    await using ca = await castellan({ stateDir });
    using client = agentClient(ca, agent);
    const stream = client.sync({ resumeRevision: revision });
    expect(await stream.next()).toMatchObject({ revision, isFull: false });
    await apply(
      ca,
      registration({ name: 'pay', spiffeId: 'spiffe://cluster.local/ns/shop/sa/pay', parentId: web }),
    );
    const next = await stream.next();
    expect(next.registrations?.items).toHaveLength(2);
    expect(next.bundles).toBeUndefined();
    const doubtful = client.sync({ resumeRevision: 'nonsense' });
    expect(await doubtful.next()).toMatchObject({ isFull: true, revision: next.revision });
  });

  it('keeps what the agent reports: bundles held, certificates in use, what it refused', async () => {
    await using ca = await castellan();
    const agent = await joinAgent(ca, 'web');
    using client = agentClient(ca, agent);
    const stream = client.sync();
    const { revision } = await stream.next();
    const svid = { spiffeId: cart, serial: 'ab', issuerKeyId: 'cd', notAfterMs: 5n };
    const reported = nextReport(ca, web);
    stream.send({
      message: {
        case: 'report',
        value: { revision, bundleSequences: { 'cluster.local': 1n }, svids: [svid] },
      },
    });
    await reported;
    const holding = ca.server.agents.reports.find(web);
    expect(holding).toMatchObject({
      isConnected: true,
      revision,
      bundles: [{ trustDomain: 'cluster.local', sequence: 1 }],
      svids: [{ spiffeId: cart, serial: 'ab' }],
    });
    stream.cancel();
  });
});

function nextReport(ca: Awaited<ReturnType<typeof castellan>>, id: string): Promise<void> {
  return new Promise((resolve) => {
    const watch = ca.server.agents.reports.watch((changed) => {
      if (changed !== id) return;
      watch[Symbol.dispose]();
      resolve();
    });
  });
}
