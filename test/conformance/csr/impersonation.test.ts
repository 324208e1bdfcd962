import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountIssuer, apply, getCertificate, registration } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import { makeCsr } from '../../support/foreign-pki.ts';

const refusal = {
  code: status.UNAUTHENTICATED,
  details: 'request impersonation authentication failure',
};
const id = (account: string, namespace = 'shop') => `spiffe://cluster.local/ns/${namespace}/sa/${account}`;

const accounts = new AccountIssuer();
let ca: Castellan;

beforeAll(async () => {
  ca = await castellan({ settings: `${accounts.settings}trustedNodeAccounts: [istio-system/ztunnel]\n` });
  const ztunnel = id('ztunnel', 'istio-system');
  await apply(
    ca,
    [
      registration({ name: 'zt-1', spiffeId: ztunnel, node: 'node-1', instanceUid: 'zt-uid-1' }),
      registration({ name: 'zt-2', spiffeId: ztunnel, node: 'node-2', instanceUid: 'zt-uid-2' }),
      registration({ name: 'cart-1', spiffeId: id('cart'), node: 'node-1', instanceUid: 'cart-uid-1' }),
      registration({ name: 'pay-2', spiffeId: id('pay'), node: 'node-2', instanceUid: 'pay-uid-2' }),
      registration({ name: 'both-1', spiffeId: id('both'), node: 'node-1', instanceUid: 'both-uid-1' }),
      registration({ name: 'both-2', spiffeId: id('both'), node: 'node-2', instanceUid: 'both-uid-2' }),
    ].join('---\n'),
  );
});
afterAll(() => ca[Symbol.asyncDispose]());

const ztunnelOn = (podUid: string, account = 'ztunnel') =>
  accounts.bearer({ namespace: 'istio-system', account, podUid });

async function impersonate(wanted: unknown, headers = ztunnelOn('zt-uid-1'), server = ca): Promise<string[]> {
  using client = server.client();
  const csr = await makeCsr();
  const { chain } = await client.create(
    { csr: csr.pem, metadata: { ImpersonatedIdentity: wanted as string } },
    headers,
  );
  return [...(leafOf(chain).san?.uris ?? [])];
}

async function refused(wanted: unknown, headers = ztunnelOn('zt-uid-1'), server = ca) {
  return await impersonate(wanted, headers, server).then(
    (got) => ({ got }),
    (error: unknown) => error,
  );
}

describe('a node proxy that asks for a workload’s identity', () => {
  it('is refused while no account is trusted (csr:I1)', async () => {
    await using plain = await castellan({ settings: accounts.settings });
    expect(await refused(id('cart'), ztunnelOn('zt-uid-1'), plain)).toMatchObject(refusal);
  });

  it('gets it, and nothing else, for a workload on its node (csr:I2)', async () => {
    expect(await impersonate(id('cart'))).toEqual([id('cart')]);
  });

  it('is refused for a workload that is on another node only (csr:I3)', async () => {
    expect(await refused(id('pay'))).toMatchObject(refusal);
    expect(await impersonate(id('pay'), ztunnelOn('zt-uid-2'))).toEqual([id('pay')]);
  });

  it('gets it for a workload on its own node and another (csr:I4)', async () => {
    expect(await impersonate(id('both'))).toEqual([id('both')]);
  });

  it.each([
    ['the pod is another workload’s', ztunnelOn('cart-uid-1')],
    ['the account is another', ztunnelOn('zt-uid-1', 'other')],
    ['the pod is unknown', ztunnelOn('nobody')],
  ])('is refused when %s (csr:I5)', async (_name, headers) => {
    expect(await refused(id('cart'), headers)).toMatchObject(refusal);
  });

  it.each([
    'cart',
    'https://cluster.local/ns/shop/sa/cart',
    'spiffe://cluster.local/ns/shop/sa/cart/more',
    'spiffe://cluster.local/ns/shop',
    'spiffe://cluster.local/ns//sa/cart',
    'SPIFFE://cluster.local/ns/shop/sa/cart',
  ])('is refused for %s, which names no workload (csr:I6)', async (wanted) => {
    expect(await refused(wanted)).toMatchObject(refusal);
  });

  it('is refused for another trust domain, and for what belongs to nodes', async () => {
    expect(await refused('spiffe://evil.example/ns/shop/sa/cart')).toMatchObject(refusal);
    expect(await refused('spiffe://cluster.local/castellan/server')).toMatchObject(refusal);
  });

  it('is refused by a certificate that has no node behind it (csr:I7)', async () => {
    const own = await getCertificate(ca, accounts.bearer());
    using client = ca.client(own);
    const csr = await makeCsr();
    const error = await client.refused({ csr: csr.pem, metadata: { ImpersonatedIdentity: id('cart') } });
    expect(error).toMatchObject(refusal);
  });

  it.each([[''], [null], [7], [['a']], [{ a: 1 }]])(
    'that asks for %j asks for nothing: it gets its own',
    async (wanted) => {
      expect(await impersonate(wanted)).toEqual([id('ztunnel', 'istio-system')]);
    },
  );

  it('learns nothing of the reason; the operator does', async () => {
    const error = (await refused(id('pay'))) as { metadata: { get(name: string): unknown[] } };
    const [requestId] = error.metadata.get('x-castellan-request-id');
    const found = await ca.server.state.store.refusals.find(String(requestId));
    expect(found?.detail).toContain('not-on-node');
    expect(found?.evidence).toMatchObject({ impersonates: id('pay') });
  });

  it('stops being served for a workload whose registration is deleted, with the next request', async () => {
    await apply(
      ca,
      registration({ name: 'brief', spiffeId: id('brief'), node: 'node-1', instanceUid: 'b-1' }),
    );
    expect(await impersonate(id('brief'))).toEqual([id('brief')]);
    const audit = {
      actor: 'test',
      actorMethod: 'local',
      action: 'resource.delete',
      object: 'brief',
      result: 'success',
      requestId: 'test',
      detail: {},
    } as const;
    const key = { kind: 'IdentityRegistration', namespace: 'default', name: 'brief' };
    await ca.server.state.store.resources.delete(key, {}, audit);
    expect(await refused(id('brief'))).toMatchObject(refusal);
  });
});
