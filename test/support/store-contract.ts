/** What every `Store` must do, run against the real adapter and the fake alike. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/operations/ports/index.ts';
import type { FakeClock } from '../fakes/clock.ts';
import { auditEvent, issuanceRecord } from './store-records.ts';

export { auditEvent, issuanceRecord };

export interface StoreHarness {
  readonly store: Store;
  readonly clock: FakeClock;
  dispose(): Promise<void>;
}

const hash = (n: number) => n.toString(16).padStart(64, '0');
const serial = (n: number) => `01${n.toString(16).padStart(38, '0')}`;

export function describeStoreContract(name: string, open: () => Promise<StoreHarness>): void {
  describe(`${name} as a store`, () => {
    let harness: StoreHarness;
    let store: Store;
    beforeEach(async () => {
      harness = await open();
      store = harness.store;
    });
    afterEach(() => harness.dispose());

    describe('certificates', () => {
      it('are found by serial with every field as recorded, bytes equal', async () => {
        const record = issuanceRecord(serial(1), { shortened: true });
        expect(await store.issuances.recordIssuance(record, auditEvent())).toEqual({ replayed: false });
        const found = await store.issuances.findBySerial(record.serial);
        expect({ ...found, der: Buffer.from(found?.der ?? []).toString('hex') }).toEqual({
          ...record,
          der: '3003020105',
        });
        expect(await store.issuances.findBySerial(serial(2))).toBeUndefined();
      });

      it('are refused with SERIAL_TAKEN when the serial is on record, and nothing is left behind', async () => {
        await store.issuances.recordIssuance(issuanceRecord(serial(1)), auditEvent());
        const head = store.audit.head();
        const again = store.issuances.recordIssuance(
          issuanceRecord(serial(1), { spiffeId: 'spiffe://cluster.local/ns/shop/sa/other' }),
          auditEvent(),
        );
        await expect(again).rejects.toMatchObject({ code: 'SERIAL_TAKEN', kind: 'conflict' });
        expect(store.audit.head()).toEqual(head);
        expect(await store.issuances.count()).toBe(1);
      });

      it('are listed newest first, page by page', async () => {
        for (let i = 1; i <= 5; i++)
          await store.issuances.recordIssuance(issuanceRecord(serial(i)), auditEvent());
        const first = await store.issuances.list({ limit: 2 });
        const second = await store.issuances.list({ limit: 2, cursor: first.cursor });
        const third = await store.issuances.list({ limit: 2, cursor: second.cursor });
        const seen = [first, second, third].map((page) => page.records.map((r) => r.serial));
        expect(seen).toEqual([[serial(5), serial(4)], [serial(3), serial(2)], [serial(1)]]);
        expect(third.cursor).toBeUndefined();
      });

      it('are listed by the instant they end, soonest first, page by page', async () => {
        for (const [i, notAfter] of [300, 100, 200, 100, 400].entries())
          await store.issuances.recordIssuance(issuanceRecord(serial(i), { notAfter }), auditEvent());
        const first = await store.issuances.list({ expiringBefore: 300, expiringAfter: 0, limit: 3 });
        const second = await store.issuances.list({
          expiringBefore: 300,
          expiringAfter: 0,
          limit: 3,
          cursor: first.cursor,
        });
        expect(first.records.map((r) => r.notAfter)).toEqual([100, 100, 200]);
        expect(second.records.map((r) => r.notAfter)).toEqual([300]);
        expect(new Set([...first.records, ...second.records].map((r) => r.serial)).size).toBe(4);
      });

      it('are found by SPIFFE ID newest first, and the newest instant is known', async () => {
        const at = Date.parse('2026-01-01T00:00:00Z');
        expect(await store.issuances.newestIssuedAt()).toBeUndefined();
        await store.issuances.recordIssuance(issuanceRecord(serial(1)), auditEvent());
        await store.issuances.recordIssuance(issuanceRecord(serial(2), { issuedAt: at + 5 }), auditEvent());
        await store.issuances.recordIssuance(
          issuanceRecord(serial(3), { spiffeId: 'spiffe://cluster.local/x', issuedAt: at + 1 }),
          auditEvent(),
        );
        const found = await store.issuances.findBySpiffeId('spiffe://cluster.local/ns/shop/sa/cart');
        expect(found.map((r) => r.serial)).toEqual([serial(2), serial(1)]);
        expect(await store.issuances.newestIssuedAt()).toBe(at + 5);
      });
    });

    describe('what still lives', () => {
      it('is listed by identity, the one that ends last first, of one time and of some issuers', async () => {
        const of = (spiffeId: string, notAfter: number, more = {}) => ({ spiffeId, notAfter, ...more });
        const records = [
          of('spiffe://cluster.local/a', 300, { issuedAt: 10 }),
          of('spiffe://cluster.local/a', 500, { issuedAt: 20, issuerKeyId: 'bb' }),
          of('spiffe://cluster.local/b', 400, { issuedAt: 11 }),
          of('spiffe://cluster.local/c', 100, { issuedAt: 12 }),
        ];
        for (const [i, change] of records.entries())
          await store.issuances.recordIssuance(issuanceRecord(serial(i), change), auditEvent());
        const list = (query: object) => store.issuances.listLiving({ now: 100, limit: 10, ...query });
        expect(await list({})).toEqual([
          { spiffeId: 'spiffe://cluster.local/a', certificates: 2, until: 500 },
          { spiffeId: 'spiffe://cluster.local/b', certificates: 1, until: 400 },
        ]);
        expect((await list({ issuedUntil: 11 })).map(({ until }) => until)).toEqual([400, 300]);
        expect(await list({ issuerKeyIds: ['bb'] })).toEqual([
          { spiffeId: 'spiffe://cluster.local/a', certificates: 1, until: 500 },
        ]);
        expect(await list({ issuerKeyIds: [] })).toEqual([]);
        expect(await list({ limit: 1 })).toHaveLength(1);
        expect(await list({ exceptUnder: 'spiffe://cluster.local/a' })).toEqual([
          { spiffeId: 'spiffe://cluster.local/b', certificates: 1, until: 400 },
        ]);
      });
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

    describe('idempotency keys', () => {
      const idempotency = (change = {}) => ({
        keyHash: hash(1),
        callerSubject: 'cart',
        csrSha256: 'aa'.repeat(32),
        expiresAt: harness.clock.now() + 300_000,
        chainPem: ['leaf 1', 'root'],
        ...change,
      });
      const record = (n: number, change = {}) =>
        store.issuances.recordIssuance(issuanceRecord(serial(n)), auditEvent(), idempotency(change));

      it('give the first chain to a later call with the same request, and record nothing more', async () => {
        await record(1);
        expect(await record(2, { chainPem: ['leaf 2', 'root'] })).toEqual({
          replayed: true,
          chainPem: ['leaf 1', 'root'],
        });
        expect([await store.issuances.count(), store.audit.head().sequence]).toEqual([1, headBefore() + 1]);
        expect((await store.issuances.findIdempotent(hash(1), 'cart'))?.chainPem).toEqual(['leaf 1', 'root']);
      });

      it('refuse another CSR with IDEMPOTENCY_CONFLICT', async () => {
        await record(1);
        await expect(record(2, { csrSha256: 'cc'.repeat(32) })).rejects.toMatchObject({
          code: 'IDEMPOTENCY_CONFLICT',
        });
        expect(await store.issuances.findBySerial(serial(2))).toBeUndefined();
      });

      it('of another caller are no business of this one', async () => {
        await record(1);
        expect(await record(2, { callerSubject: 'mallory', csrSha256: 'cc'.repeat(32) })).toEqual({
          replayed: false,
        });
      });

      it('are free again when their five minutes are over', async () => {
        await record(1);
        await harness.clock.advance(300_000);
        expect(await store.issuances.findIdempotent(hash(1), 'cart')).toBeUndefined();
        expect(await record(2, { csrSha256: 'cc'.repeat(32) })).toEqual({ replayed: false });
        expect((await store.issuances.findIdempotent(hash(1), 'cart'))?.csrSha256).toBe('cc'.repeat(32));
      });

      it('used 1,000 times at once yield one certificate and one chain (adv:C28)', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 1000 }, (_, n) => record(n, { chainPem: [`leaf ${n}`, 'root'] })),
        );
        const first = outcomes.findIndex((outcome) => !outcome.replayed);
        const chains = outcomes.map((outcome) => (outcome.replayed ? outcome.chainPem[0] : `leaf ${first}`));
        expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1);
        expect(new Set(chains)).toEqual(new Set([`leaf ${first}`]));
        expect(await store.issuances.count()).toBe(1);
      });

      const headBefore = () => initialHead;
    });

    describe('join tokens', () => {
      const id = 'spiffe://cluster.local/ns/shop/sa/node';
      const create = (n: number, expiresAt = harness.clock.now() + 60_000) =>
        store.joinTokens.create(hash(n), id, expiresAt, auditEvent({ action: 'join-token.create' }));
      const redeem = (n: number) =>
        store.joinTokens.redeem(
          hash(n),
          harness.clock.now(),
          auditEvent({ action: 'join-token.redeem', object: '' }),
        );

      it('are redeemed once, never twice (adv:T20)', async () => {
        await create(1);
        expect(await redeem(1)).toEqual({ spiffeId: id });
        expect(await redeem(1)).toBeUndefined();
        const [entry] = await store.audit.list({ action: 'join-token.redeem' });
        expect([entry?.object, (await store.audit.list({ action: 'join-token.redeem' })).length]).toEqual([
          id,
          1,
        ]);
      });

      it('tried by 50 callers at once have one winner (adv:T21)', async () => {
        await create(1);
        const results = await Promise.all(Array.from({ length: 50 }, () => redeem(1)));
        expect(results.filter((result) => result !== undefined)).toEqual([{ spiffeId: id }]);
      });

      it('that expired or were never made are not redeemed, and leave no entry (adv:T22)', async () => {
        await create(1, harness.clock.now() + 1000);
        await harness.clock.advance(1000);
        const head = store.audit.head();
        expect([await redeem(1), await redeem(2)]).toEqual([undefined, undefined]);
        expect(store.audit.head()).toEqual(head);
      });

      it('are listed by hash, and a hash is taken once', async () => {
        await create(1);
        await expect(create(1)).rejects.toMatchObject({ code: 'JOIN_TOKEN_TAKEN' });
        expect((await store.joinTokens.list()).map((token) => [token.hash, token.spiffeId])).toEqual([
          [hash(1), id],
        ]);
      });
    });

    describe('the deny list', () => {
      const id = 'spiffe://cluster.local/ns/shop/sa/cart';
      const audit = auditEvent({ action: 'revocation.add' });

      it('denies a serial at once, and only that serial', async () => {
        expect(store.revocations.isRevoked(serial(1), id)).toBe(false);
        await store.revocations.revoke({ serial: serial(1) }, 'stolen', 5, audit);
        expect(store.revocations.isRevoked(serial(1), id)).toBe(true);
        expect(store.revocations.isRevoked(serial(2), id)).toBe(false);
        expect(store.revocations.find(serial(1), id)).toMatchObject({
          reason: 'stolen',
          actor: 'alice',
          at: 5,
        });
      });

      it('denies every serial of a SPIFFE ID until it is lifted, and tells its watchers', async () => {
        let changes = 0;
        using _watch = store.revocations.watch(() => changes++);
        await store.revocations.revoke({ spiffeId: id }, 'compromised', 5, audit);
        expect(store.revocations.isRevoked(serial(9), id)).toBe(true);
        expect(store.revocations.isRevoked(undefined, id)).toBe(true);
        expect(store.revocations.isRevoked(serial(9), `${id}2`)).toBe(false);
        const lift = auditEvent({ action: 'revocation.lift' });
        expect(await store.revocations.lift({ spiffeId: id }, lift)).toBe(true);
        expect(await store.revocations.lift({ spiffeId: id }, lift)).toBe(false);
        expect([store.revocations.isRevoked(serial(9), id), changes]).toEqual([false, 2]);
      });

      it('keeps the first record of what is revoked twice', async () => {
        await store.revocations.revoke({ serial: serial(1) }, 'first', 5, audit);
        await store.revocations.revoke({ serial: serial(1) }, 'second', 6, audit);
        expect(await store.revocations.list()).toEqual([
          expect.objectContaining({ serial: serial(1), reason: 'first', at: 5 }),
        ]);
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

    let initialHead = 0;
    beforeEach(() => {
      initialHead = store.audit.head().sequence;
    });
  });
}
