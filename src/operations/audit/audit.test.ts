import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuditEntry, AuditEvent, CheckpointSigner } from '../ports/audit.ts';
import {
  type AuditRow,
  auditBody,
  canonicalJson,
  chainEvent,
  ed25519Verifier,
  emptyHead,
  formatCheckpoint,
  type JsonValue,
  readEntry,
  signCheckpoint,
  verifyAudit,
} from './index.ts';

const event: AuditEvent = {
  actor: 'alice',
  actorMethod: 'local',
  action: 'certificate.issue',
  object: 'spiffe://cluster.local/ns/shop/sa/cart',
  result: 'success',
  requestId: 'r',
  detail: { serial: '01' },
};
const stamp = { at: 1_767_225_600_000, bootTime: 12.5, instance: 'one', epoch: 0 };

function chain(
  length: number,
  change: (n: number) => Partial<AuditEvent & typeof stamp> = () => ({}),
): AuditRow[] {
  const rows: AuditRow[] = [];
  for (let n = 1; n <= length; n++) {
    const last = rows.at(-1) ?? emptyHead;
    const head = { sequence: last.sequence, hash: last.hash };
    const changed = change(n);
    rows.push(chainEvent(head, { ...event, ...changed }, { ...stamp, ...changed }));
  }
  return rows;
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer: CheckpointSigner = { keyId: 'audit-1', sign: (message) => sign(null, message, privateKey) };
const verifier = ed25519Verifier('audit-1', publicKey);

async function checkpointLine(row: AuditRow, epoch = 0, instance = 'one'): Promise<string> {
  return formatCheckpoint(await signCheckpoint(row, { instance, epoch, at: 1 }, signer));
}

function row(rows: readonly AuditRow[], sequence: number): AuditRow {
  const found = rows.find((one) => one.sequence === sequence);
  if (found === undefined) throw new TypeError(`no row ${sequence}`);
  return found;
}

const json = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

describe('canonical JSON', () => {
  it('reads back as the same value, and is one text whatever the order of members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json, { noNullPrototype: true }), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        const shuffled = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(shuffled)).toBe(text);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses what JSON lacks, and bottomless nesting', () => {
    let deep: JsonValue = [];
    for (let i = 0; i < 40; i++) deep = [deep];
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, deep, 1n as never, (() => 1) as never])
      expect(() => canonicalJson(bad)).toThrow(TypeError);
  });
});

describe('an audit entry', () => {
  it('is hashed over the canonical JSON of all its members, the previous hash included', () => {
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(
        text,
        text,
        fc.option(text, { nil: undefined }),
        fc.dictionary(text, json),
        (actor, object, actorAddress, detail) => {
          const entry = {
            ...event,
            ...stamp,
            actor,
            object,
            actorAddress,
            detail,
            sequence: 7,
            prevHash: 'ab'.repeat(32),
          };
          expect(auditBody(entry)).toBe(canonicalJson({ ...entry }));
        },
      ),
      { numRuns: 100 },
    );
    const [first] = chain(1) as [AuditRow];
    expect(first.hash).toBe(createHash('sha256').update(first.body).digest('hex'));
    expect(readEntry(first)).toMatchObject({
      ...event,
      ...stamp,
      sequence: 1,
      prevHash: '0'.repeat(64),
    } satisfies Partial<AuditEntry>);
  });
});

describe('verifying the chain names the first entry that is not what was written (adv:S23)', () => {
  const cases: ReadonlyArray<[string, (rows: AuditRow[]) => AuditRow[], number, string]> = [
    ['a deleted row', (rows) => rows.filter((r) => r.sequence !== 5), 5, 'missing'],
    ['a deleted first row', (rows) => rows.slice(1), 1, 'missing'],
    [
      'an edited row',
      (rows) => rows.map((r) => (r.sequence === 4 ? { ...r, body: r.body.replace('alice', 'alicf') } : r)),
      4,
      'altered',
    ],
    [
      'an edited hash',
      (rows) => rows.map((r) => (r.sequence === 4 ? { ...r, hash: 'ff'.repeat(32) } : r)),
      4,
      'altered',
    ],
    [
      'two rows swapped',
      (rows) =>
        rows.map((r) =>
          r.sequence === 3
            ? { ...row(rows, 6), sequence: 3 }
            : r.sequence === 6
              ? { ...row(rows, 3), sequence: 6 }
              : r,
        ),
      3,
      'moved',
    ],
    [
      'a row edited with its hash made anew',
      (rows) => rows.map((r) => (r.sequence === 4 ? remake(r) : r)),
      5,
      'broken-link',
    ],
    ['a row that is no JSON', (rows) => rows.map((r) => (r.sequence === 2 ? garble(r) : r)), 2, 'moved'],
  ];

  it.each(cases)('%s', async (_, tamper, sequence, fault) => {
    const rows = chain(10);
    expect(await verifyAudit(rows)).toMatchObject({ ok: true, entries: 10, head: { sequence: 10 } });
    const report = await verifyAudit(tamper(rows));
    expect(report).toMatchObject({ ok: false, firstBad: { sequence, fault } });
  });

  it('a tail cut before a checkpoint, or before what the database remembers', async () => {
    const rows = chain(10);
    const lines = [await checkpointLine(row(rows, 4)), await checkpointLine(row(rows, 10))];
    const cut = rows.slice(0, 7);
    const bad = { ok: false, firstBad: { sequence: 8, fault: 'truncated' } };
    expect(await verifyAudit(rows, { checkpoints: { lines, verifier } })).toMatchObject({
      ok: true,
      checkpointsHeld: 2,
    });
    expect(await verifyAudit(cut, { checkpoints: { lines, verifier } })).toMatchObject(bad);
    expect(await verifyAudit(cut, { recordedHead: row(rows, 10) })).toMatchObject(bad);
    expect(await verifyAudit(cut, { recordedHead: row(rows, 3) })).toMatchObject({
      firstBad: { fault: 'forked' },
    });
  });

  it('a chain written anew from an entry on, by the checkpoints around it', async () => {
    const rows = chain(10);
    const forked = chain(10, (n) => (n >= 6 ? { actor: 'mallory' } : {}));
    const lines = [await checkpointLine(row(rows, 4)), await checkpointLine(row(rows, 8))];
    expect(await verifyAudit(forked)).toMatchObject({ ok: true });
    expect(await verifyAudit(forked, { checkpoints: { lines, verifier } })).toMatchObject({
      ok: false,
      firstBad: { sequence: 5, fault: 'forked' },
      checkpointsHeld: 1,
    });
  });

  it('a checkpoint not signed by the audit key', async () => {
    const rows = chain(3);
    const line = await checkpointLine(row(rows, 2));
    for (const forged of [
      line.replace('"sequence":2', '"sequence":3'),
      line.replace('audit-1', 'audit-2'),
      '{}',
      'x',
    ])
      expect(await verifyAudit(rows, { checkpoints: { lines: [forged], verifier } })).toMatchObject({
        ok: false,
        firstBad: { fault: 'checkpoint-forged' },
      });
  });
});

describe('what is no fault', () => {
  it('is a restore: checkpoints of the epoch before, at its height or above, no longer apply, and the report says so', async () => {
    const before = chain(10);
    const after = chain(8, (n) =>
      n >= 6 ? { epoch: 1, action: n === 6 ? 'store.restore' : 'certificate.issue', requestId: 'later' } : {},
    );
    const lines = [
      await checkpointLine(row(before, 5)),
      await checkpointLine(row(before, 7)),
      await checkpointLine(row(before, 10)),
      await checkpointLine(row(after, 8), 1),
    ];
    const report = await verifyAudit(after, { checkpoints: { lines, verifier } });
    expect(report).toMatchObject({ ok: true, checkpointsHeld: 2 });
    expect(report.notes.join()).toContain('entry 6 is a store.restore: 2 checkpoints');
  });

  it('is a chain whose pruned beginning a checkpoint vouches for', async () => {
    const rows = chain(10);
    const base = { sequence: 4, hash: row(rows, 4).hash };
    const lines = [
      await checkpointLine(row(rows, 2)),
      await checkpointLine(row(rows, 4)),
      await checkpointLine(row(rows, 9)),
    ];
    const options = { base, checkpoints: { lines, verifier } };
    expect(await verifyAudit(rows.slice(4), options)).toMatchObject({ ok: true, checkpointsHeld: 1 });
    const unvouched = { base, checkpoints: { lines: lines.slice(2), verifier } };
    expect(await verifyAudit(rows.slice(4), unvouched)).toMatchObject({
      ok: false,
      firstBad: { fault: 'missing' },
    });
  });

  it('is a checkpoint of another instance in the same file', async () => {
    const rows = chain(3);
    const line = await checkpointLine({ ...row(rows, 3), sequence: 99 }, 0, 'two');
    const report = await verifyAudit(rows, { instance: 'one', checkpoints: { lines: [line], verifier } });
    expect(report).toMatchObject({ ok: true, notes: ['1 checkpoints of another instance were left out'] });
  });
});

function remake(r: AuditRow): AuditRow {
  const body = r.body.replace('alice', 'alicf');
  return { ...r, body, hash: createHash('sha256').update(body).digest('hex') };
}

function garble(r: AuditRow): AuditRow {
  return { ...r, body: '{', hash: createHash('sha256').update('{').digest('hex') };
}
