import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateFiles, verifyAuditFile } from '../../../src/adapters/store-sqlite/index.ts';
import { chainEvent, readEntry } from '../../../src/operations/audit/index.ts';
import {
  checkpointKeeper,
  openTestStore,
  recordMany,
  scratchDirectory,
  tamper,
} from '../../support/store.ts';

const dropGuards = 'DROP TRIGGER audit_is_not_edited; DROP TRIGGER audit_is_not_deleted;';

describe('the audit log of a database file, offline', () => {
  const scratch = scratchDirectory();
  const keeper = checkpointKeeper();
  const source = join(scratch.path, 'source');
  let copies = 0;
  beforeAll(async () => {
    await using store = await openTestStore(source, { initialise: true });
    await recordMany(store, 19);
    await keeper.follow(store).stop();
    await recordMany(store, 10, 100);
  });
  afterAll(() => scratch[Symbol.dispose]());

  const verifyAfter = async (sql: string) => {
    const copy = join(scratch.path, `copy-${copies++}`);
    execFileSync('cp', ['-r', source, copy]);
    tamper(copy, sql);
    return verifyAuditFile(stateFiles(copy).database, keeper.checkpoints);
  };

  it('verifies as it was written', async () => {
    expect(await verifyAfter('')).toMatchObject({ ok: true, entries: 30, checkpointsHeld: 1 });
  });

  it.each([
    ['a deleted row', 'DELETE FROM audit WHERE sequence = 12', 12, 'missing'],
    [
      'an edited row',
      "UPDATE audit SET body = replace(body, 'alice', 'alicf') WHERE sequence = 12",
      12,
      'altered',
    ],
    [
      'two rows swapped',
      `UPDATE audit SET sequence = 999 WHERE sequence = 8; UPDATE audit SET sequence = 8 WHERE sequence = 21;
       UPDATE audit SET sequence = 21 WHERE sequence = 999`,
      8,
      'moved',
    ],
    ['a tail cut', 'DELETE FROM audit WHERE sequence > 25', 26, 'truncated'],
    [
      'a tail cut before a checkpoint, and the database made to forget it',
      `DELETE FROM audit WHERE sequence > 15;
       UPDATE meta SET audit_sequence = 15, audit_hash = (SELECT hash FROM audit WHERE sequence = 15)`,
      16,
      'truncated',
    ],
    ['everything deleted', 'DELETE FROM audit', 1, 'truncated'],
    [
      "an entry added behind the store's back",
      "INSERT INTO audit VALUES (31, '', '{}', x'00')",
      31,
      'altered',
    ],
    [
      'a beginning said to be pruned',
      'DELETE FROM audit WHERE sequence <= 5; UPDATE meta SET audit_base_sequence = 5',
      1,
      'missing',
    ],
  ])('names the first bad entry: %s (adv:S23)', async (_, sql, sequence, fault) => {
    expect(await verifyAfter(dropGuards + sql)).toMatchObject({ ok: false, firstBad: { sequence, fault } });
  });

  it('names where a forked chain left the one a checkpoint saw, though all its hashes hold (adv:S23)', async () => {
    const copy = join(scratch.path, 'forked');
    execFileSync('cp', ['-r', source, copy]);
    const file = stateFiles(copy).database;
    const db = new DatabaseSync(file);
    db.exec(dropGuards);
    const rows = db
      .prepare('SELECT sequence, body, hash FROM audit WHERE sequence >= 10 ORDER BY sequence')
      .all();
    let head = {
      sequence: 9,
      hash: hexOf(db.prepare('SELECT hash FROM audit WHERE sequence = 9').get()?.['hash']),
    };
    for (const row of rows) {
      const entry = readEntry({ sequence: Number(row['sequence']), body: String(row['body']), hash: '' });
      const { at, bootTime, instance, epoch, sequence: _s, prevHash: _p, hash: _h, ...event } = entry;
      const forged = chainEvent(head, { ...event, actor: 'mallory' }, { at, bootTime, instance, epoch });
      db.prepare('UPDATE audit SET body = ?, hash = ? WHERE sequence = ?').run(
        forged.body,
        Buffer.from(forged.hash, 'hex'),
        forged.sequence,
      );
      head = forged;
    }
    db.prepare('UPDATE meta SET audit_hash = ?').run(Buffer.from(head.hash, 'hex'));
    db.close();
    expect(await verifyAuditFile(file)).toMatchObject({ ok: true });
    expect(await verifyAuditFile(file, keeper.checkpoints)).toMatchObject({
      ok: false,
      firstBad: { sequence: 1, fault: 'forked', detail: expect.stringContaining('between 1 and 20') },
    });
  });

  it('is not to be edited or deleted by any statement, before anybody verifies it', () => {
    for (const sql of [
      "UPDATE audit SET body = '{}' WHERE sequence = 3",
      'DELETE FROM audit WHERE sequence = 3',
    ])
      expect(() => tamper(source, sql)).toThrow(/audit entries .*are not (edited|deleted)/);
  });
});

function hexOf(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString('hex');
}
