import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restoreBackup, stateFiles, verifyAuditFile } from '../../../src/adapters/store-sqlite/index.ts';
import { EpochSerials, epochOfSerial, mayRecover } from '../../../src/operations/epoch-serials.ts';
import { FakeClock } from '../../fakes/clock.ts';
import { FakeRandom } from '../../fakes/random.ts';
import {
  checkpointKeeper,
  openTestStore,
  recordMany,
  scratchDirectory,
  serialNumber,
  tamper,
} from '../../support/store.ts';
import { auditEvent, issuanceRecord } from '../../support/store-contract.ts';

const tokenHash = (n: number) => n.toString(16).padStart(64, '0');
const node = 'spiffe://cluster.local/ns/shop/sa/node';
const backupEvent = auditEvent({ action: 'store.backup', object: 'instance' });

describe('a backup', () => {
  it('is one consistent file, for its owner only, whatever is written meanwhile', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(join(scratch.path, 'state'), { initialise: true });
    await recordMany(store, 50);
    const file = join(scratch.path, 'backup.db');
    const stop = new AbortController();
    const load = (async () => {
      for (let n = 100; !stop.signal.aborted; n += 20) await recordMany(store, 20, n);
    })();
    const { bytes } = await store.maintenance.backup(file, backupEvent);
    stop.abort();
    await load;
    expect([bytes > 0, statSync(file).mode & 0o777, existsSync(`${file}-wal`)]).toEqual([true, 0o600, false]);
    const report = await verifyAuditFile(file);
    expect(report).toMatchObject({ ok: true });
    expect(report.entries).toBeGreaterThanOrEqual(52);
    expect(await store.audit.verify()).toMatchObject({ ok: true });
  });

  it('never replaces a file, and a failed one leaves nothing', async () => {
    using scratch = scratchDirectory();
    await using store = await openTestStore(join(scratch.path, 'state'), { initialise: true });
    const file = join(scratch.path, 'backup.db');
    writeFileSync(file, 'precious');
    for (const target of [file, join(scratch.path, 'no-such-directory', 'x.db')])
      await expect(store.maintenance.backup(target, backupEvent)).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringContaining('backup failed'),
      });
    expect([statSync(file).size, existsSync(`${file}.partial`)]).toEqual([8, false]);
    expect(store.health()).toEqual({ ready: true });
  });
});

describe('a backup of yesterday restored (adv:S21)', () => {
  async function yesterday(directory: string) {
    const clock = new FakeClock();
    const keeper = checkpointKeeper();
    const file = join(directory, 'backup.db');
    await using store = await openTestStore(join(directory, 'old'), {
      initialise: true,
      clock,
      serialPrefix: 9,
    });
    await recordMany(store, 10);
    await store.joinTokens.create(
      tokenHash(1),
      node,
      clock.now() + 10 ** 9,
      auditEvent({ action: 'join-token.create' }),
    );
    const { at } = await store.maintenance.backup(file, backupEvent);
    await clock.advance(86_400_000);
    await recordMany(store, 5, 100);
    await store.revocations.revoke(
      { serial: serialNumber(1) },
      'stolen',
      clock.now(),
      auditEvent({ action: 'revocation.add' }),
    );
    await keeper.follow(store).stop();
    return { clock, keeper, file, at, identity: store.identity() };
  }

  it('begins a new serial epoch, so that no serial comes twice', async () => {
    using scratch = scratchDirectory();
    const { clock, file, identity } = await yesterday(scratch.path);
    const stateDirectory = join(scratch.path, 'new');
    const outcome = await restoreBackup(file, { stateDirectory, clock, audit: auditEvent() });
    expect(outcome).toMatchObject({ epoch: 1, instanceId: identity.instanceId });
    await using store = await openTestStore(stateDirectory, { clock });
    const same = () => new FakeRandom('same seed');
    const before = new EpochSerials(identity, clock, same()).nextHex();
    const after = new EpochSerials(store.identity(), clock, same()).nextHex();
    expect([before.slice(0, 2), after.slice(0, 2), before.slice(2) === after.slice(2)]).toEqual([
      '09',
      '0a',
      true,
    ]);
    expect(epochOfSerial(before, store.identity())).toBe(0);
    expect(statSync(stateFiles(stateDirectory).database).mode & 0o777).toBe(0o600);
  });

  it('voids the join tokens it brings back, and says what must be done again', async () => {
    using scratch = scratchDirectory();
    const { clock, file, at, keeper } = await yesterday(scratch.path);
    const stateDirectory = join(scratch.path, 'new');
    const { checkpoints } = keeper;
    const outcome = await restoreBackup(file, { stateDirectory, clock, audit: auditEvent(), checkpoints });
    expect(outcome.voidedJoinTokens).toEqual([{ spiffeId: node, expiresAt: expect.any(Number) }]);
    expect([outcome.backupAt, outcome.lostEntries]).toEqual([at, 6]);
    expect(outcome.mustRepeat.join('\n')).toMatch(
      /revoke again[^]*evict again[^]*apply again[^]*join tokens: 1 /,
    );
    await using store = await openTestStore(stateDirectory, { clock, checkpoints });
    const redeemed = await store.joinTokens.redeem(tokenHash(1), clock.now(), auditEvent());
    expect([redeemed, await store.joinTokens.list()]).toEqual([undefined, []]);
    expect([await store.issuances.count(), store.revocations.isRevoked(serialNumber(1), '')]).toEqual([
      10,
      false,
    ]);
  });

  it('is noted in the audit log, and puts the checkpoints of what was lost aside', async () => {
    using scratch = scratchDirectory();
    const { clock, file, keeper } = await yesterday(scratch.path);
    const stateDirectory = join(scratch.path, 'new');
    await restoreBackup(file, { stateDirectory, clock, audit: auditEvent({ actor: 'olga' }) });
    await using store = await openTestStore(stateDirectory, { clock, checkpoints: keeper.checkpoints });
    const [entry] = await store.audit.list();
    expect(entry).toMatchObject({
      action: 'store.restore',
      actor: 'olga',
      epoch: 1,
      detail: { voidedJoinTokens: 1 },
    });
    await keeper.follow(store).stop();
    const report = await store.audit.verify(keeper.checkpoints);
    expect(report).toMatchObject({ ok: true, checkpointsHeld: 1 });
    expect(report.notes.join()).toContain('1 checkpoints of what came after the backup no longer apply');
  });

  it('lets a certificate it does not know be put on record at its first use (D9)', async () => {
    using scratch = scratchDirectory();
    const { clock, file, identity } = await yesterday(scratch.path);
    const lost = new EpochSerials(identity, clock, new FakeRandom('lost')).nextHex();
    const stateDirectory = join(scratch.path, 'new');
    await restoreBackup(file, { stateDirectory, clock, audit: auditEvent() });
    await using store = await openTestStore(stateDirectory, { clock });
    expect(mayRecover({ serial: lost, notBefore: clock.now() - 120_000 }, store.identity())).toBe(true);
    const record = issuanceRecord(lost, { state: 'recovered', notBefore: clock.now() - 120_000 });
    await store.issuances.recordIssuance(record, auditEvent({ action: 'certificate.recover' }));
    expect(await store.issuances.findBySerial(lost)).toMatchObject({ state: 'recovered' });
  });

  it('can itself be backed up and restored, into the next epoch', async () => {
    using scratch = scratchDirectory();
    const { clock, file } = await yesterday(scratch.path);
    const first = join(scratch.path, 'first');
    await restoreBackup(file, { stateDirectory: first, clock, audit: auditEvent() });
    const again = join(scratch.path, 'again.db');
    {
      await using store = await openTestStore(first, { clock });
      await store.maintenance.backup(again, backupEvent);
    }
    const second = await restoreBackup(again, {
      stateDirectory: join(scratch.path, 'second'),
      clock,
      audit: auditEvent(),
    });
    expect([second.epoch, second.backupAt]).toEqual([2, clock.now()]);
  });
});

describe('a restore refuses', () => {
  it('a state directory with a database, a file that is no backup, one that is damaged, and one that was tampered with', async () => {
    using scratch = scratchDirectory();
    const clock = new FakeClock();
    const used = join(scratch.path, 'used');
    const file = join(scratch.path, 'backup.db');
    const keeper = checkpointKeeper();
    {
      await using store = await openTestStore(used, { initialise: true, clock });
      await recordMany(store, 30);
      await keeper.follow(store).stop();
      await store.maintenance.backup(file, backupEvent);
    }
    const into = (stateDirectory: string, from = file) =>
      restoreBackup(from, { stateDirectory, clock, audit: auditEvent(), checkpoints: keeper.checkpoints });
    await expect(into(used)).rejects.toMatchObject({ code: 'STORE_EXISTS' });
    const fresh = join(scratch.path, 'fresh');
    await expect(into(fresh, join(scratch.path, 'none'))).rejects.toMatchObject({
      code: 'BACKUP_MISSING',
    });
    writeFileSync(join(scratch.path, 'text'), 'hello');
    await expect(into(fresh, join(scratch.path, 'text'))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    tamper(
      used,
      "DROP TRIGGER audit_is_not_edited; UPDATE audit SET body = replace(body, 'alice', 'alicf') WHERE sequence = 7",
    );
    await expect(into(fresh, stateFiles(used).database)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      details: { sequence: 7, fault: 'altered' },
    });
    expect(existsSync(stateFiles(fresh).database)).toBe(false);
    chmodSync(file, 0o400);
    await expect(into(fresh)).resolves.toMatchObject({ epoch: 1 });
  });
});
