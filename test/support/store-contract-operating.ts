/** What every `Store` does with nodes, resources, the audit chain, traffic, and its own upkeep. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/operations/ports/index.ts';
import { hash, type StoreHarness, serial } from './store-harness.ts';
import { auditEvent, issuanceRecord } from './store-records.ts';

export function describeOperatingContract(opened: () => StoreHarness): void {
  let harness: StoreHarness;
  let store: Store;
  beforeEach(() => {
    harness = opened();
    store = harness.store;
  });

  describe('nodes', () => {
    const id = 'spiffe://cluster.local/castellan/agent/join_token/web';
    const node = { id, method: 'join_token', selectors: ['join_token:aa'], agentVersion: '1' };
    const admit = (n: number, change = {}) =>
      store.nodes.admit(issuanceRecord(serial(n), { spiffeId: id, ...change }), node, [auditEvent()]);
    const change = (to: 'evicted' | 'banned' | 'unbanned', denySerials: readonly string[] = []) =>
      store.nodes.change({ id, to, reason: 'lost', at: 9, denySerials }, auditEvent());

    it('are admitted with their certificate and audit entries, and seen at once', async () => {
      const seen: string[] = [];
      using _watch = store.nodes.watch((changed) => seen.push(changed));
      const head = store.audit.head().sequence;
      await admit(1, { issuedAt: 7, notAfter: 70 });
      expect(store.nodes.find(id)).toEqual({
        ...node,
        serial: serial(1),
        notAfter: 70,
        attestedAt: 7,
        renewedAt: 7,
        lastSeenAt: 7,
        state: 'attested',
        stateReason: '',
        stateChangedAt: 7,
        bundles: [],
      });
      expect(await store.issuances.findBySerial(serial(1))).toMatchObject({ spiffeId: id });
      expect([store.audit.head().sequence, seen]).toEqual([head + 1, [id]]);
      await expect(admit(1)).rejects.toMatchObject({ code: 'SERIAL_TAKEN' });
    });

    it('are renewed only while they are attested', async () => {
      const renew = (n: number) =>
        store.nodes.renew(issuanceRecord(serial(n), { spiffeId: id, issuedAt: 8 }), id, [auditEvent()]);
      await expect(renew(1)).rejects.toMatchObject({ code: 'NODE_NOT_ATTESTED' });
      await admit(1, { issuedAt: 7 });
      await renew(2);
      expect(store.nodes.find(id)).toMatchObject({ serial: serial(2), attestedAt: 7, renewedAt: 8 });
      await change('evicted');
      await expect(renew(3)).rejects.toMatchObject({ code: 'NODE_NOT_ATTESTED' });
      expect(await store.issuances.findBySerial(serial(3))).toBeUndefined();
    });

    it('are evicted together with their certificates, and may come back', async () => {
      await expect(change('evicted')).rejects.toMatchObject({ code: 'NODE_UNKNOWN' });
      await admit(1);
      let told = 0;
      using _watch = store.revocations.watch(() => told++);
      await change('evicted', [serial(1)]);
      expect(store.nodes.find(id)).toMatchObject({
        state: 'evicted',
        stateReason: 'lost',
        stateChangedAt: 9,
      });
      expect([store.revocations.isRevoked(serial(1), id), told]).toEqual([true, 1]);
      await admit(2);
      expect(store.nodes.find(id)?.state).toBe('attested');
      expect(store.revocations.isRevoked(serial(2), id)).toBe(false);
    });

    it('that are banned stay out until the ban is lifted', async () => {
      await admit(1);
      await change('banned');
      await expect(admit(2)).rejects.toMatchObject({ code: 'NODE_BANNED' });
      expect(await store.issuances.findBySerial(serial(2))).toBeUndefined();
      await change('evicted');
      expect(store.nodes.find(id)?.state).toBe('banned');
      await change('unbanned');
      await expect(change('unbanned')).rejects.toMatchObject({ code: 'NODE_UNKNOWN' });
      await admit(2);
      expect(store.nodes.list().map(({ state }) => state)).toEqual(['attested']);
    });

    it('are remembered with what they hold, and never as seen earlier than before', async () => {
      await admit(1, { issuedAt: 50 });
      const bundles = [{ trustDomain: 'cluster.local', sequence: 3, since: 60 }];
      await store.nodes.note([
        { id, lastSeenAt: 10, bundles },
        { id: 'spiffe://cluster.local/castellan/agent/join_token/nobody', lastSeenAt: 10, bundles },
      ]);
      expect(store.nodes.list()).toMatchObject([{ id, lastSeenAt: 50, bundles }]);
    });
  });

  describe('resources', () => {
    const draft = (name: string, content = 'a: 1') => ({
      kind: 'IdentityRegistration',
      namespace: 'shop',
      name,
      content,
      owner: '',
    });
    const audit = auditEvent({ action: 'resource.update' });

    it('get a version that grows with each write, and keep when they were created', async () => {
      const first = await store.resources.put(draft('cart'), {}, audit);
      await harness.clock.advance(1000);
      const second = await store.resources.put(draft('cart', 'a: 2'), {}, audit);
      expect(second.version).toBeGreaterThan(first.version);
      expect(second.version).toBe(store.resources.revision());
      expect([second.createdAt, second.updatedAt]).toEqual([first.createdAt, first.createdAt + 1000]);
      expect(await store.resources.get('IdentityRegistration', 'shop', 'cart')).toEqual(second);
    });

    it('are written only over the version the writer read', async () => {
      const first = await store.resources.put(draft('cart'), { ifVersion: 'absent' }, audit);
      await store.resources.put(draft('cart', 'a: 2'), { ifVersion: first.version }, audit);
      const conflict = { code: 'RESOURCE_VERSION_CONFLICT', kind: 'conflict' };
      const stale = store.resources.put(draft('cart', 'a: 3'), { ifVersion: first.version }, audit);
      await expect(stale).rejects.toMatchObject(conflict);
      const twice = store.resources.put(draft('cart'), { ifVersion: 'absent' }, audit);
      await expect(twice).rejects.toMatchObject(conflict);
      const gone = store.resources.delete(draft('none'), { ifVersion: 7n }, audit);
      await expect(gone).rejects.toMatchObject(conflict);
      expect((await store.resources.get('IdentityRegistration', 'shop', 'cart'))?.content).toBe('a: 2');
    });

    it('are won by one of 20 writers that read the same version', async () => {
      const { version } = await store.resources.put(draft('cart'), {}, audit);
      const tries = Array.from({ length: 20 }, (_, i) =>
        store.resources.put(draft('cart', `a: ${i}`), { ifVersion: version }, audit),
      );
      const settled = await Promise.allSettled(tries);
      expect(settled.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    });

    it('change all together or not at all, as one revision', async () => {
      const { version } = await store.resources.put(draft('cart'), {}, audit);
      const before = store.resources.revision();
      const bad = store.resources.write(
        [{ put: draft('new') }, { put: draft('cart'), ifVersion: version + 5n }],
        [audit],
      );
      await expect(bad).rejects.toMatchObject({ code: 'RESOURCE_VERSION_CONFLICT' });
      expect([store.resources.revision(), (await store.resources.list()).length]).toEqual([before, 1]);
      const revision = await store.resources.write(
        [{ put: draft('new') }, { put: draft('a') }, { delete: draft('cart'), ifVersion: version }],
        [audit],
      );
      expect(revision).toBe(before + 1n);
      const rows = await store.resources.list('IdentityRegistration');
      expect(rows.map((row) => [row.name, row.version])).toEqual([
        ['a', revision],
        ['new', revision],
      ]);
    });

    it('tell their watchers of each commit, in order', async () => {
      const seen: bigint[] = [];
      using _watch = store.resources.watch(({ revision }) => seen.push(revision));
      await Promise.all(['a', 'b', 'c'].map((name) => store.resources.put(draft(name), {}, audit)));
      expect(await store.resources.delete(draft('a'), {}, audit)).toBe(true);
      expect(await store.resources.delete(draft('a'), {}, audit)).toBe(false);
      const [first = 0n] = seen;
      expect(seen).toEqual([first, first + 1n, first + 2n, first + 3n]);
    });
  });

  describe('the audit chain', () => {
    it('has an entry for every change, and verifies', async () => {
      const before = store.audit.head().sequence;
      await store.issuances.recordIssuance(
        issuanceRecord(serial(1)),
        auditEvent({
          detail: { note: 'naïve “quotes”\u2028', dropped: ['cn'], nested: { b: 1, a: null } },
        }),
      );
      await store.audit.append(auditEvent({ action: 'server.start', object: 'x', actorAddress: '::1' }));
      const [newest, older] = await store.audit.list();
      expect([newest?.sequence, older?.sequence]).toEqual([before + 2, before + 1]);
      expect(newest?.prevHash).toBe(older?.hash);
      expect(older).toMatchObject({
        at: harness.clock.now(),
        instance: store.identity().instanceId,
        detail: { note: 'naïve “quotes”\u2028', dropped: ['cn'], nested: { b: 1, a: null } },
      });
      const report = await store.audit.verify();
      expect(report).toMatchObject({ ok: true, entries: before + 2, head: store.audit.head() });
    });

    it('is searched by action, object, request and time', async () => {
      await store.audit.append(auditEvent({ action: 'server.start', object: 'one', requestId: 'r1' }));
      await harness.clock.advance(1000);
      await store.audit.append(auditEvent({ action: 'server.stop', object: 'one', requestId: 'r2' }));
      const find = async (query: object) => (await store.audit.list(query)).map((e) => e.action);
      expect(await find({ action: 'server.start' })).toEqual(['server.start']);
      expect(await find({ object: 'one' })).toEqual(['server.stop', 'server.start']);
      expect(await find({ requestId: 'r2' })).toEqual(['server.stop']);
      expect(await find({ since: harness.clock.now() })).toEqual(['server.stop']);
      expect(await find({ object: 'one', limit: 1 })).toEqual(['server.stop']);
      expect(await find({ object: 'one', before: store.audit.head().sequence })).toEqual(['server.start']);
    });

    it('tells its listeners how far it has grown', async () => {
      const heads: number[] = [];
      using _growth = store.audit.onGrowth((head) => heads.push(head.sequence));
      await store.audit.append(auditEvent());
      expect(heads.at(-1)).toBe(store.audit.head().sequence);
    });
  });

  describe('counts of traffic', () => {
    const hour = Date.UTC(2026, 10, 1, 12);
    const row = {
      hour,
      node: '',
      caller: 'spiffe://cluster.local/ns/web/sa/front',
      destination: 'shop/cart',
      port: 8080,
      tls: 'mutual',
      method: 'GET',
      path: '/items/{id}',
      allowed: 3,
      denied: 1,
      lastAt: hour + 7,
    } as const;

    it('add up under one key, over hours and nodes, the most frequent first', async () => {
      await store.traffic.add([row, { ...row, path: '/', denied: 0, allowed: 100 }]);
      await store.traffic.add([
        { ...row, allowed: 2, lastAt: hour + 9 },
        { ...row, hour: hour + 3_600_000, node: 'spiffe://cluster.local/castellan/node/a' },
      ]);
      const { hour: _, node: __, ...key } = row;
      const rows = await store.traffic.list();
      expect(rows.map((one) => ({ ...one }))).toEqual([
        { ...key, path: '/', allowed: 100, denied: 0 },
        { ...key, allowed: 8, denied: 3, lastAt: hour + 9 },
      ]);
      expect(await store.traffic.list({ caller: 'nobody' })).toEqual([]);
      expect(await store.traffic.list({ destination: 'shop/cart', limit: 1 })).toHaveLength(1);
    });

    it('are told from the hour that an instant falls in, and forgotten by the hour', async () => {
      await store.traffic.add([row, { ...row, hour: hour + 3_600_000, method: 'PUT' }]);
      expect(await store.traffic.list({ since: hour + 3_599_999 })).toHaveLength(2);
      expect(await store.traffic.list({ since: hour + 3_600_001 })).toMatchObject([{ method: 'PUT' }]);
      await store.maintenance.prune({ trafficBefore: hour + 1, batch: 1 }, auditEvent());
      expect(await store.traffic.list()).toMatchObject([{ method: 'PUT', allowed: 3, denied: 1 }]);
    });
  });

  describe('housekeeping', () => {
    it('removes what has ended and nothing else, and says so in the chain', async () => {
      const now = harness.clock.now();
      for (let i = 0; i < 25; i++)
        await store.issuances.recordIssuance(
          issuanceRecord(serial(i), { notAfter: i < 20 ? now - 1 : now + 1 }),
          auditEvent(),
        );
      await store.joinTokens.create(hash(1), 'spiffe://cluster.local/n', now - 1, auditEvent());
      await store.joinTokens.create(hash(2), 'spiffe://cluster.local/n', now + 1, auditEvent());
      const outcome = await store.maintenance.prune(
        { issuancesEndedBefore: now, joinTokensEndedBefore: now, batch: 7 },
        auditEvent({ action: 'store.prune' }),
      );
      expect(outcome).toMatchObject({ issuances: 20, joinTokens: 1 });
      expect(await store.issuances.count()).toBe(5);
      expect((await store.joinTokens.list()).map((token) => token.hash)).toEqual([hash(2)]);
      const [entry] = await store.audit.list({ action: 'store.prune' });
      expect(entry?.detail).toMatchObject({ issuances: 20, joinTokens: 1 });
    });

    it('leaves a ring of refusals for `explain`', async () => {
      const refusal = {
        at: 7,
        code: 'CSR_MALFORMED',
        detail: 'trailing bytes',
        evidence: { source: 'jwt' },
      };
      for (let i = 0; i < 10; i++) store.refusals.note({ requestId: `r${i}`, ...refusal });
      expect(await store.refusals.find('r3')).toEqual({ requestId: 'r3', ...refusal });
      expect(await store.refusals.find('none')).toBeUndefined();
      expect((await store.refusals.list(2)).map((r) => r.requestId)).toEqual(['r9', 'r8']);
    });

    it('refuses writes once it is closed', async () => {
      await store.close();
      expect(store.health()).toMatchObject({ ready: false, reason: 'closed' });
      await expect(store.audit.append(auditEvent())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    });
  });
}
