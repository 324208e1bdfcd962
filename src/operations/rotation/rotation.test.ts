import { describe, expect, it } from 'vitest';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FakeRandom } from '../../../test/fakes/random.ts';
import { FakeStore } from '../../../test/fakes/store.ts';
import { fakePorts, issueCart, selfManaged, validateIssuance } from '../../../test/support/authority.ts';
import { auditEvent, issuanceRecord } from '../../../test/support/store-records.ts';
import { initialiseAuthority, openAuthority } from '../../authority/index.ts';
import { days, hours, minutes, seconds } from '../../base/duration.ts';
import type { AgentHolding } from '../agents/index.ts';
import type { Operator } from '../operator.ts';
import { revoke } from '../revoke.ts';
import {
  condemnAuthority,
  followRevocations,
  nearingEnd,
  RotationWatch,
  recordRotation,
  rotateAuthority,
} from './index.ts';

const operator: Operator = { name: 'alice', method: 'token', role: 'admin', requestId: 'r1' };
const agent = 'spiffe://cluster.local/castellan/agent/join_token/one';

async function world() {
  const ports = fakePorts('rotation verbs');
  const { clock } = ports;
  const store = new FakeStore({ clock });
  const watch = new RotationWatch({
    trustDomain: 'cluster.local',
    issuances: store.issuances,
    nodes: store.nodes,
    clock,
    remember: seconds(1),
  });
  await initialiseAuthority(ports, selfManaged);
  const authority = await openAuthority({ ...ports, observer: watch }, selfManaged);
  const logger = new FakeLogger();
  recordRotation({ authority, audit: store.audit, clock, random: new FakeRandom('audit'), logger });
  const deps = { authority, audit: store.audit, issuances: store.issuances, clock };
  const actions = async () => (await store.audit.list({ limit: 100 })).map(({ action }) => action).reverse();
  return { clock, store, watch, authority, logger, deps, actions };
}

describe('an operator who rotates a root', () => {
  it('is on record with the wish before what came of it, and with the refusal of what did not', async () => {
    const { deps, actions, store } = await world();
    const wish = { role: 'root', reason: 'yearly' } as const;
    await rotateAuthority(deps, operator, { ...wish, verb: 'next' });
    await rotateAuthority(deps, operator, { ...wish, verb: 'next' });
    await expect(rotateAuthority(deps, operator, { ...wish, verb: 'next' })).rejects.toMatchObject({
      code: 'ROTATION_GATE_CLOSED',
    });
    expect((await actions()).filter((action) => action !== 'store.initialise')).toEqual([
      'authority.order',
      'authority.prepare',
      'authority.order',
      'bundle.publish',
      'authority.order',
      'authority.order',
    ]);
    const [last] = await store.audit.list({ limit: 1 });
    expect(last).toMatchObject({ actor: 'operator/alice', result: 'error', detail: { verb: 'next' } });
  });

  it('does nothing that cannot be put on record', async () => {
    const { deps, store, authority } = await world();
    store.goDown();
    const wish = { role: 'root', reason: 'yearly', verb: 'force' } as const;
    await expect(rotateAuthority(deps, operator, wish)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(authority.roots()).toHaveLength(1);
  });

  it('waits for workloads on record and agents that report, each by name, however many nodes there are (adv:S20)', async () => {
    const { deps, store, watch, clock, authority } = await world();
    const now = clock.now();
    const on = (serial: string, spiffeId: string, end: number) =>
      store.issuances.recordIssuance(
        issuanceRecord(serial, { spiffeId, issuedAt: now, notAfter: now + end }),
        auditEvent(),
      );
    for (let i = 0; i < 300; i++)
      await on(
        `aa${i.toString(16).padStart(4, '0')}`,
        `spiffe://cluster.local/castellan/agent/x/${i}`,
        days(30),
      );
    await on('bb01', 'spiffe://cluster.local/ns/shop/sa/slow', days(3));
    const holding: AgentHolding = {
      id: agent,
      isConnected: true,
      lastSeenAt: now,
      bundles: [{ trustDomain: 'cluster.local', sequence: 1, since: now }],
      revision: '',
      refused: '',
      policyRevision: '',
      svids: [],
      decisionsDropped: 0,
    };
    watch.follow({ list: () => [holding] });
    await rotateAuthority(deps, operator, { role: 'root', reason: 'yearly', verb: 'start' });
    const { lines } = await authority.rotation.status();
    expect(lines[0]?.phases[2]?.gate?.blockers.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      `agent ${agent}`,
      'certificate spiffe://cluster.local/ns/shop/sa/slow',
      'time readers that do not report',
    ]);
  });
});

describe('an authority that leaked', () => {
  it('is tainted or revoked only after a look at how far that reaches', async () => {
    const { deps, store, authority, actions } = await world();
    const issuance = await issueCart(authority);
    await store.issuances.recordIssuance(
      issuanceRecord(issuance.serial, {
        issuerKeyId: issuance.issuerKeyId,
        notAfter: issuance.notAfter,
        spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart',
      }),
      auditEvent(),
    );
    const { lines } = await authority.rotation.status();
    const authorityId = lines[0]?.active?.id ?? '';
    const request = { authorityId, verdict: 'taint', reason: 'leak' } as const;
    const dry = await condemnAuthority(deps, operator, { ...request, dryRun: true });
    expect(dry).toMatchObject({
      applied: false,
      affected: [{ spiffeId: 'spiffe://cluster.local/ns/shop/sa/cart', certificates: 1 }],
    });
    expect(dry.reach.keys).toHaveLength(2);
    expect(authority.roots()).toHaveLength(1);
    await condemnAuthority(deps, operator, { ...request, dryRun: false });
    expect(authority.roots()).toHaveLength(2);
    expect(await actions()).toContain('authority.taint');
  });
});

describe('the deny list', () => {
  it('stands on the revocation lists of who signed, by serial and by identity, and leaves them when lifted', async () => {
    const { store, authority, clock, logger } = await world();
    const issuance = await issueCart(authority);
    const spiffeId = 'spiffe://cluster.local/ns/shop/sa/cart';
    await store.issuances.recordIssuance(
      issuanceRecord(issuance.serial, {
        issuerKeyId: issuance.issuerKeyId,
        notAfter: issuance.notAfter,
        spiffeId,
      }),
      auditEvent(),
    );
    const { issuances, revocations } = store;
    await using following = await followRevocations({ authority, revocations, issuances, clock, logger });
    expect(authority.crls()).toEqual([]);
    const listed = new Promise<void>((resolve) => authority.onCrlChange(() => resolve()));
    await revoke({ issuances, revocations, clock }, operator, { spiffeId, reason: 'leak', dryRun: false });
    await listed;
    expect(validateIssuance(issuance, authority, clock.now())).toMatchObject({
      ok: false,
      reason: 'revoked',
    });
    const cleared = new Promise<void>((resolve) => authority.onCrlChange(() => resolve()));
    await revocations.lift({ spiffeId }, auditEvent());
    await cleared;
    expect(validateIssuance(issuance, authority, clock.now()).ok).toBe(true);
    void following;
  });
});

describe('what nears its end', () => {
  it('is named by the share of its own life, of every kind, and not before its successor should be there', async () => {
    const { authority, clock } = await world();
    expect(nearingEnd(authority, clock.now())).toEqual([]);
    const at = clock.now() + days(29);
    expect(nearingEnd(authority, at).map(({ role, code }) => `${role} ${code}`)).toEqual([
      'intermediate AUTHORITY_NEARS_END',
      'jwt AUTHORITY_NEARS_END',
    ]);
    const later = nearingEnd(authority, clock.now() + days(3649) + hours(23) + minutes(59));
    expect(later[0]).toMatchObject({ role: 'root', shareLeft: expect.closeTo(0, 3) as number });
    expect(later[1]).toMatchObject({ role: 'intermediate', code: 'AUTHORITY_ENDED' });
  });
});

describe('what a rotation knows of agents', () => {
  it('is what was written down of them, before one of them can have reported after a start', async () => {
    const { watch, store, clock } = await world();
    const at = clock.now();
    const record = issuanceRecord('ab'.repeat(20), { spiffeId: agent, issuedAt: at });
    const node = { id: agent, method: 'join_token', selectors: [], agentVersion: '1' };
    await store.nodes.admit(record, node, [auditEvent()]);
    const bundles = [{ trustDomain: 'cluster.local', sequence: 3, since: at }];
    await store.nodes.note([{ id: agent, lastSeenAt: at, bundles }]);
    expect(await watch.readers()).toMatchObject([
      { kind: 'agent', name: agent, sequence: 3n, reportedAt: at },
    ]);
    watch.follow({ list: () => [] });
    expect(await watch.readers()).toEqual([]);
  });
});
