import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../fakes/clock.ts';
import {
  eventually,
  openTestStore,
  recordMany,
  scratchDirectory,
  serialNumber,
} from '../../support/store.ts';
import { auditEvent, issuanceRecord } from '../../support/store-contract.ts';

describe('writes that come together', () => {
  it('share their syncs, and each gets its own answer', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(scratch.path, { initialise: true });
    const tries = Array.from({ length: 600 }, (_, n) =>
      store.issuances.recordIssuance(issuanceRecord(serialNumber(n % 400)), auditEvent()),
    );
    const settled = await Promise.allSettled(tries);
    expect(settled.filter((one) => one.status === 'fulfilled')).toHaveLength(400);
    const codes = settled.flatMap((one) =>
      one.status === 'rejected' ? [(one.reason as { code: string }).code] : [],
    );
    expect(new Set(codes)).toEqual(new Set(['SERIAL_TAKEN']));
    const { batches, writes } = store.maintenance.figures();
    expect(writes).toBe(600);
    expect(batches).toBeLessThan(60);
    expect(await store.audit.verify()).toMatchObject({ ok: true, entries: 401 });
  });

  it('do not fail with a neighbour that cannot be stored, half-way stored, or sent to the writer', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(scratch.path, { initialise: true });
    const record = (n: number, change = {}) =>
      store.issuances.recordIssuance(issuanceRecord(serialNumber(n), change), auditEvent());
    const idempotency = {
      keyHash: '00'.repeat(32),
      callerSubject: 'a',
      csrSha256: 'aa',
      expiresAt: 10 ** 15,
    };
    const detail = { f: (() => 1) as never };
    const settled = await Promise.allSettled([
      record(1),
      record(2, { issuedAt: Number.NaN }),
      record(3),
      store.issuances.recordIssuance(issuanceRecord(serialNumber(4)), auditEvent(), {
        ...idempotency,
        chainPem: [1n as never],
      }),
      record(5),
      store.issuances.recordIssuance(issuanceRecord(serialNumber(6)), auditEvent({ detail })),
      store.issuances.recordIssuance(
        issuanceRecord(serialNumber(7)),
        auditEvent({ detail: { n: Number.NaN } }),
      ),
      record(8),
    ]);
    expect(settled.map((one) => one.status[0]).join('')).toBe('frfrfrrf');
    for (const one of settled)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'INTERNAL', kind: 'internal' });
    expect([await store.issuances.count(), store.health().ready]).toEqual([4, true]);
    expect(await store.issuances.findBySerial(serialNumber(4))).toBeUndefined();
    expect(await store.audit.verify()).toMatchObject({ ok: true, entries: 5 });
    expect(await store.maintenance.check()).toEqual([]);
  });

  it('beyond the queue are refused with a time to come back', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(scratch.path, { initialise: true, limits: { maxQueued: 20 } });
    const tries = Array.from({ length: 50 }, (_, n) =>
      store.issuances.recordIssuance(issuanceRecord(serialNumber(n)), auditEvent()),
    );
    const settled = await Promise.allSettled(tries);
    const refused = settled.filter((one) => one.status === 'rejected');
    expect(refused.length).toBe(30);
    expect(refused[0]?.reason).toMatchObject({
      code: 'STORE_OVERLOADED',
      kind: 'exhausted',
      retryAfterSeconds: 1,
    });
    expect([await store.issuances.count(), store.maintenance.figures().overloads]).toEqual([20, 30]);
  });

  it('are all there after a close that came in the middle of them', async () => {
    using scratch = scratchDirectory();
    const store = await openTestStore(scratch.path, { initialise: true, limits: { maxBatch: 7 } });
    const writing = recordMany(store, 100);
    await store.close();
    await writing;
    await using again = await openTestStore(scratch.path);
    expect(await again.issuances.count()).toBe(100);
  });
});

describe('what was committed', () => {
  it('is there after a restart: revocations, tokens, resources with their revision, retries by key', async () => {
    using scratch = scratchDirectory();
    const clock = new FakeClock();
    const key = { kind: 'K', namespace: '', name: 'n' };
    const idempotency = {
      keyHash: '11'.repeat(32),
      callerSubject: 'a',
      csrSha256: 'aa'.repeat(32),
      expiresAt: clock.now() + 300_000,
      chainPem: ['x'],
    };
    let revision = 0n;
    {
      await using store = await openTestStore(scratch.path, { initialise: true, clock });
      await store.revocations.revoke({ serial: serialNumber(1) }, 'stolen', 1, auditEvent());
      await store.revocations.revoke({ spiffeId: 'spiffe://cluster.local/bad' }, 'bad', 1, auditEvent());
      await store.joinTokens.create(
        '22'.repeat(32),
        'spiffe://cluster.local/n',
        clock.now() + 1000,
        auditEvent(),
      );
      await store.resources.put({ ...key, content: 'c', owner: 'directory:a.yaml' }, {}, auditEvent());
      await store.resources.delete(key, {}, auditEvent());
      await store.resources.put({ ...key, content: 'd', owner: 'directory:a.yaml' }, {}, auditEvent());
      await store.issuances.recordIssuance(issuanceRecord(serialNumber(9)), auditEvent(), idempotency);
      store.refusals.note({ requestId: 'r', at: 1, code: 'X', detail: 'd', evidence: {} });
      revision = store.resources.revision();
    }
    await using store = await openTestStore(scratch.path, { clock });
    expect([
      store.revocations.isRevoked(serialNumber(1), 'spiffe://cluster.local/good'),
      store.revocations.isRevoked(undefined, 'spiffe://cluster.local/bad'),
      store.revocations.isRevoked(serialNumber(2), 'spiffe://cluster.local/good'),
    ]).toEqual([true, true, false]);
    expect(await store.joinTokens.redeem('22'.repeat(32), clock.now(), auditEvent())).toBeDefined();
    expect(await store.resources.get('K', '', 'n')).toMatchObject({
      content: 'd',
      version: revision,
      owner: 'directory:a.yaml',
    });
    expect(
      await store.issuances.recordIssuance(issuanceRecord(serialNumber(10)), auditEvent(), idempotency),
    ).toEqual({ replayed: true, chainPem: ['x'] });
    expect(await store.refusals.find('r')).toBeDefined();
    expect(await store.issuances.newestIssuedAt()).toBe(issuanceRecord('00').issuedAt);
  });
});

describe('refusals in a flood', () => {
  it('keep to their ring and to their queue, are counted, and delay no write', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(scratch.path, { initialise: true, limits: { refusals: 50 } });
    const note = (n: number) =>
      store.refusals.note({
        requestId: `r${n}`,
        at: n,
        code: 'X',
        detail: 'y'.repeat(10_000),
        evidence: { z: 'z'.repeat(100_000) },
      });
    for (let n = 0; n < 200; n++) note(n);
    await store.refusals.list();
    for (let n = 200; n < 5000; n++) note(n);
    await recordMany(store, 5);
    const kept = await store.refusals.list(1000);
    expect(kept).toHaveLength(50);
    expect(kept[0]).toMatchObject({ requestId: 'r455', evidence: { tooLong: expect.any(Number) } });
    expect(kept[0]?.detail).toHaveLength(2048);
    expect(store.refusals.dropped()).toBe(5000 - 456);
    const cyclic: Record<string, never> = {};
    cyclic['me'] = cyclic as never;
    store.refusals.note({ requestId: 'c', at: 1, code: 'X', detail: '', evidence: cyclic });
    expect([await store.refusals.find('c'), await store.issuances.count()]).toEqual([undefined, 5]);
  });
});

describe('a full disk (adv:S04)', () => {
  it('at a set size fails writes only: reads and the deny list go on, and removing old records makes room', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(scratch.path, { initialise: true, limits: { maxPages: 400 } });
    await store.revocations.revoke({ serial: serialNumber(0) }, 'x', 1, auditEvent());
    const acknowledged = await fillUp((n) =>
      store.issuances.recordIssuance(
        issuanceRecord(serialNumber(n), { der: new Uint8Array(4000) }),
        auditEvent(),
      ),
    );
    expect(store.revocations.isRevoked(serialNumber(0), '')).toBe(true);
    expect(await store.issuances.findBySerial(serialNumber(acknowledged))).toBeDefined();
    await eventually(() => expect(store.health()).toEqual({ ready: true }));
    await store.maintenance.prune(
      { issuancesEndedBefore: 10 ** 15, batch: 20 },
      auditEvent({ action: 'store.prune' }),
    );
    await recordMany(store, 20, 10_000);
    expect(await store.issuances.count()).toBe(20);
    expect(await store.audit.verify()).toMatchObject({ ok: true });
    expect(store.maintenance.figures()).toMatchObject({
      reopenings: expect.any(Number),
      failures: expect.any(Number),
    });
  });

  const mounted = mountTmpfs();
  if (mounted === undefined)
    console.warn('SKIPPED: a really full disk needs root and mount; only the size limit was tested');
  it.skipIf(mounted === undefined)(
    'fails writes with UNAVAILABLE, says so, and is well again without a restart when space is freed',
    async () => {
      const directory = mounted as string;
      try {
        const ballast = join(directory, 'ballast');
        writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024, 1));
        await using store = await openTestStore(join(directory, 'state'), { initialise: true });
        const acknowledged = await fillUp((n) =>
          store.issuances.recordIssuance(
            issuanceRecord(serialNumber(n), { der: new Uint8Array(4000) }),
            auditEvent(),
          ),
        );
        expect(store.health()).toMatchObject({ ready: false, reason: 'disk-full' });
        const refused = store.joinTokens.create('33'.repeat(32), 'spiffe://cluster.local/n', 1, auditEvent());
        await expect(refused).rejects.toMatchObject({
          code: 'STORE_UNAVAILABLE',
          retryAfterSeconds: 1,
          details: { reason: 'disk-full' },
        });
        expect(await store.issuances.findBySerial(serialNumber(acknowledged))).toBeDefined();
        rmSync(ballast);
        await eventually(() => expect(store.health()).toEqual({ ready: true }));
        await recordMany(store, 20, 10_000);
        expect(await store.issuances.count()).toBeGreaterThanOrEqual(acknowledged + 20);
        expect(await store.audit.verify()).toMatchObject({ ok: true });
        expect(await store.maintenance.check()).toEqual([]);
      } finally {
        execFileSync('umount', [directory]);
      }
    },
  );
});

describe('a writer thread that dies', () => {
  it('fails what it held, and another takes its place', async () => {
    using scratch = scratchDirectory();
    const born: Worker[] = [];
    const onWorker = (worker: Worker) => void born.push(worker);
    process.on('worker', onWorker);
    await using store = await openTestStore(scratch.path, { initialise: true });
    await recordMany(store, 3);
    await born[0]?.terminate();
    await expect(recordMany(store, 1, 50)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await eventually(() => expect(store.health()).toEqual({ ready: true }));
    process.off('worker', onWorker);
    await recordMany(store, 3, 100);
    expect([born.length, await store.issuances.count()]).toEqual([2, 6]);
  });
});

/** Writes until one is refused for want of space; returns the last number that was acknowledged. */
async function fillUp(write: (n: number) => Promise<unknown>): Promise<number> {
  for (let n = 1; n < 5000; n++) {
    const refused = await write(n).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused === undefined) continue;
    expect(refused).toMatchObject({ code: 'STORE_UNAVAILABLE', kind: 'unavailable', retryAfterSeconds: 1 });
    return n - 1;
  }
  throw new Error('the disk never filled up');
}

function mountTmpfs(): string | undefined {
  const scratch = scratchDirectory();
  const directory = join(scratch.path, 'small');
  try {
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m,mode=0700', 'none', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    scratch[Symbol.dispose]();
    return undefined;
  }
}
