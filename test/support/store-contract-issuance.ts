/** What every `Store` does with certificates, and with the credentials that lead to them. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/operations/ports/index.ts';
import { hash, type StoreHarness, serial } from './store-harness.ts';
import { auditEvent, issuanceRecord } from './store-records.ts';

export function describeIssuanceContract(opened: () => StoreHarness): void {
  let harness: StoreHarness;
  let store: Store;
  let initialHead = 0;
  beforeEach(() => {
    harness = opened();
    store = harness.store;
    initialHead = store.audit.head().sequence;
  });

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
}
