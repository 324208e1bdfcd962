import { status as StatusCode } from '@grpc/grpc-js';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revoke } from '../../../src/operations/revoke.ts';
import { agentClient, type JoinedAgent, joinAgent } from '../../support/agent-client.ts';
import { AccountIssuer, apply, registration } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { leafOf } from '../../support/certificates.ts';
import { makeCsr } from '../../support/foreign-pki.ts';

const td = 'spiffe://cluster.local';
const cart = `${td}/ns/shop/sa/cart`;
const pay = `${td}/ns/shop/sa/pay`;
const nested = `${td}/ns/shop/sa/nested`;
const ended = `${td}/ns/shop/sa/ended`;
const nobody = `${td}/ns/shop/sa/nobody`;
const removed = `${td}/ns/shop/sa/removed`;
const denied = `${td}/ns/shop/sa/denied`;

const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;
const accounts = new AccountIssuer();
let ca: Castellan;
let web: JoinedAgent;
let db: JoinedAgent;

beforeAll(async () => {
  ca = await castellan({ settings: `${accounts.settings}trustedNodeAccounts: [shop/cart]\n` });
  web = await joinAgent(ca, 'web');
  db = await joinAgent(ca, 'db');
  const group = `${td}/groups/fronts`;
  await apply(
    ca,
    [
      registration({ name: 'cart', spiffeId: cart, parentId: web.id }),
      registration({ name: 'pay', spiffeId: pay, parentId: db.id }),
      registration({ name: 'group', spiffeId: group, parentId: web.id }),
      registration({ name: 'nested', spiffeId: nested, parentId: group }),
      // A cycle of parents ends nowhere, and leads nowhere.
      registration({ name: 'loop-1', spiffeId: `${td}/loop/1`, parentId: `${td}/loop/2` }),
      registration({ name: 'loop-2', spiffeId: `${td}/loop/2`, parentId: `${td}/loop/1` }),
      registration({ name: 'denied', spiffeId: denied, parentId: web.id }),
      registration({ name: 'no-parent', spiffeId: `${td}/ns/shop/sa/orphan` }),
    ].join('---\n'),
  );
  await apply(
    ca,
    withEnd(registration({ name: 'ended', spiffeId: ended, parentId: web.id }), Date.now() - 1_000),
  );
  await apply(ca, registration({ name: 'removed', spiffeId: removed, parentId: web.id }));
  const { store } = ca.server.state;
  const { version } = (await store.resources.get('IdentityRegistration', 'default', 'removed')) ?? {};
  const audit = { actor: 'test', actorMethod: 'local', action: 'resource.delete', object: 'x' } as const;
  await store.resources.delete(
    { kind: 'IdentityRegistration', namespace: 'default', name: 'removed' },
    { ifVersion: version },
    { ...audit, result: 'success', requestId: '', detail: {} },
  );
  const deps = {
    issuances: store.issuances,
    revocations: store.revocations,
    clock: { now: Date.now } as never,
  };
  await revoke(deps, operator, { spiffeId: denied, reason: 'test', dryRun: false });
});
afterAll(() => ca[Symbol.asyncDispose]());

function withEnd(document: string, at: number): string {
  const parsed = JSON.parse(document) as { spec: object };
  const expiresAt = new Date(at).toISOString();
  return JSON.stringify({ ...parsed, spec: { ...parsed.spec, expiresAt } });
}

async function certificateFor(agent: JoinedAgent, wanted: string): Promise<readonly string[]> {
  using client = ca.client(agent);
  const csr = await makeCsr({ uris: [wanted.startsWith('spiffe://') ? wanted : cart] });
  const metadata = { ImpersonatedIdentity: wanted };
  const { chain } = await client.create({ csr: csr.pem, metadata });
  return leafOf(chain).san?.uris ?? [];
}

async function tokenFor(agent: JoinedAgent, spiffeId: string, audiences: readonly string[] = ['api']) {
  using client = agentClient(ca, agent);
  return await client.mint({ spiffeId, audiences: [...audiences] });
}

describe('an agent', () => {
  it('gets certificates and tokens for what is registered under it, directly or through a parent (adv:A3)', async () => {
    for (const id of [cart, nested]) {
      expect(await certificateFor(web, id)).toEqual([id]);
      const { token, expiresAtMs, issuedAtMs } = await tokenFor(web, id);
      expect(decodeJwt(token)).toMatchObject({ sub: id, aud: ['api'] });
      expect(decodeProtectedHeader(token).kid).toBe(ca.server.state.authority.bundle().jwtKeys[0]?.kid);
      expect(Number(expiresAtMs - issuedAtMs)).toBe(300_000);
    }
    const { store } = ca.server.state;
    const [minted] = await store.audit.list({ action: 'jwt-svid.mint' });
    expect(minted).toMatchObject({ actor: web.id, object: nested, detail: { audiences: ['api'] } });
  });

  it('gets the DNS names of registrations under it, and none of another agent’s or of nobody’s (adv:A3)', async () => {
    const shared = `${td}/ns/shop/sa/shared`;
    const named = (name: string, parentId: string, dnsNames: readonly string[]) => {
      const text = JSON.parse(registration({ name, spiffeId: shared, parentId })) as { spec: object };
      return `${JSON.stringify({ ...text, spec: { ...text.spec, dnsNames } })}\n`;
    };
    await apply(ca, named('web-shared', web.id, ['web.example']));
    await apply(ca, named('db-shared', db.id, ['db.example']));
    const csr = await makeCsr({ uris: [shared], dnsNames: ['web.example', 'db.example', 'other.example'] });
    for (const [agent, own] of [
      [web, 'web.example'],
      [db, 'db.example'],
    ] as const) {
      using client = ca.client(agent);
      const { chain } = await client.create({ csr: csr.pem, metadata: { ImpersonatedIdentity: shared } });
      expect(leafOf(chain).san).toMatchObject({ uris: [shared], dnsNames: [own] });
    }
  });

  const outside: readonly (readonly [string, string])[] = [
    ['an identity of another agent', pay],
    ['an identity that nobody registered', nobody],
    ['a registration that has ended', ended],
    ['a registration that was removed', removed],
    ['a registration without a parent', `${td}/ns/shop/sa/orphan`],
    ['a cycle of parents', `${td}/loop/1`],
    ['an identity on the deny list', denied],
    ['another agent', `${td}/castellan/agent/join_token/db`],
    ['itself', `${td}/castellan/agent/join_token/web`],
    ['the server', `${td}/castellan/server`],
    ['another trust domain', 'spiffe://other.example/ns/shop/sa/cart'],
    ['the trust domain itself', td],
    ['a name that only begins alike', `${cart}2`],
    ['a name in other letters', cart.replace('cart', 'Cart')],
    ['a path that climbs', `${td}/ns/shop/sa/pay/../cart`],
    ['two names', `${cart},${pay}`],
    ['no SPIFFE ID', 'cart'],
  ];

  it.each(outside)('gets no certificate for %s (adv:A3)', async (_what, wanted) => {
    await expect(certificateFor(web, wanted)).rejects.toMatchObject({ code: StatusCode.UNAUTHENTICATED });
  });

  it.each(outside)('gets no token for %s (adv:A3)', async (_what, wanted) => {
    const error = await tokenFor(web, wanted).catch((failure: unknown) => failure);
    expect([StatusCode.PERMISSION_DENIED, StatusCode.INVALID_ARGUMENT]).toContain(
      (error as { code: number }).code,
    );
  });

  it('hears of nothing but what is registered under it (adv:A3)', async () => {
    using client = agentClient(ca, web);
    const stream = client.sync();
    const { registrations } = await stream.next();
    stream.cancel();
    expect(registrations?.items.map(({ spiffeId }) => spiffeId).sort()).toEqual(
      [cart, denied, nested, `${td}/groups/fronts`, `${td}/ns/shop/sa/shared`].sort(),
    );
  });

  it('gets a token for no audience at all, or for too many, never', async () => {
    for (const audiences of [[], [''], Array.from({ length: 33 }, (_, i) => `a${i}`), ['x'.repeat(1_025)]])
      await expect(tokenFor(web, cart, audiences)).rejects.toMatchObject({
        code: StatusCode.INVALID_ARGUMENT,
      });
  });

  it('goes by the names that its attestation earns it, and gets no such name itself (adv:A3)', async () => {
    const front = `${td}/nodes/front`;
    const selectors = ca.server.state.store.nodes.find(web.id)?.selectors ?? [];
    const spec = { spiffeId: front, parentId: `${td}/castellan/server`, selectors };
    const envelope = { apiVersion: 'castellan.dev/v1alpha1', kind: 'IdentityRegistration' };
    await apply(ca, JSON.stringify({ ...envelope, metadata: { name: 'front' }, spec }));
    await apply(ca, registration({ name: 'served', spiffeId: `${td}/served`, parentId: front }));
    expect(await certificateFor(web, `${td}/served`)).toEqual([`${td}/served`]);
    expect(decodeJwt((await tokenFor(web, `${td}/served`)).token).sub).toBe(`${td}/served`);
    const unauthenticated = { code: StatusCode.UNAUTHENTICATED };
    await expect(certificateFor(db, `${td}/served`)).rejects.toMatchObject(unauthenticated);
    await expect(certificateFor(web, front)).rejects.toMatchObject(unauthenticated);
    await expect(tokenFor(web, front)).rejects.toMatchObject({ code: StatusCode.PERMISSION_DENIED });
    using client = agentClient(ca, web);
    const stream = client.sync();
    const names = (await stream.next()).registrations?.items.map(({ name }) => name);
    stream.cancel();
    expect(names).toContain('default/served');
    expect(names).not.toContain('default/front');
  });

  it('loses an identity with its registration, at the next call (adv:A3)', async () => {
    await apply(ca, registration({ name: 'moving', spiffeId: `${td}/moving`, parentId: web.id }));
    expect(await certificateFor(web, `${td}/moving`)).toEqual([`${td}/moving`]);
    await apply(ca, registration({ name: 'moving', spiffeId: `${td}/moving`, parentId: db.id }));
    await expect(certificateFor(web, `${td}/moving`)).rejects.toMatchObject({
      code: StatusCode.UNAUTHENTICATED,
    });
    await expect(tokenFor(web, `${td}/moving`)).rejects.toMatchObject({ code: StatusCode.PERMISSION_DENIED });
    expect(await certificateFor(db, `${td}/moving`)).toEqual([`${td}/moving`]);
  });
});

describe('a caller that is no agent', () => {
  it('with a certificate of a workload gets neither stream, nor token, nor node SVID (adv:A3)', async () => {
    using csrClient = ca.client(web);
    const csr = await makeCsr();
    const { chain } = await csrClient.create({ csr: csr.pem, metadata: { ImpersonatedIdentity: cart } });
    const workload = { chainPem: chain.slice(0, -1).join(''), privateKeyPem: csr.privateKeyPem };
    using client = agentClient(ca, workload);
    const unauthenticated = { code: StatusCode.UNAUTHENTICATED };
    await expect(client.mint({ spiffeId: cart, audiences: ['a'] })).rejects.toMatchObject(unauthenticated);
    await expect(client.renew(csr.der)).rejects.toMatchObject(unauthenticated);
    await expect(client.sync().next()).rejects.toMatchObject(unauthenticated);
    // A trusted account of a node proxy stands in for workloads on its node, never for an agent.
    using proxy = ca.client(workload);
    const wanted = { ImpersonatedIdentity: web.id };
    await expect(proxy.create({ csr: csr.pem, metadata: wanted })).rejects.toMatchObject(unauthenticated);
  });

  it('with a token that names an agent gets no certificate of it (adv:A3)', async () => {
    using client = ca.client();
    const csr = await makeCsr({ uris: [web.id] });
    const { chain } = await client.create({ csr: csr.pem }, accounts.bearer());
    expect(leafOf(chain).san?.uris).toEqual([cart]);
  });
});
