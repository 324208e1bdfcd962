/** Durable records as the CSR door writes them, and the same bytes in one bare table as their floor. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { connect } from '../../src/adapters/store-sqlite/connection.ts';
import { openStore, type SqliteStore } from '../../src/adapters/store-sqlite/index.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { EpochSerials } from '../../src/operations/epoch-serials.ts';
import type { AuditEvent, IssuanceRecord } from '../../src/operations/ports/index.ts';
import { median } from './bench.ts';

const der = randomBytes(700);
const identities = 5000;

/** A leaf and its audit entry as the CSR door writes them. */
export function sampleRecord(serial: string, n: number): { record: IssuanceRecord; audit: AuditEvent } {
  const at = systemClock.now();
  const requestId = `01K${serial.slice(2, 25)}`;
  const spiffeId = `spiffe://cluster.local/ns/shop-${n % 50}/sa/workload-${n % identities}`;
  const caller = `system:serviceaccount:shop-${n % 50}:workload-${n % identities}`;
  const record: IssuanceRecord = {
    serial,
    spiffeId,
    callerSubject: caller,
    callerMethod: 'jwt',
    csrSha256: 'ab'.repeat(32),
    notBefore: at - 120_000,
    notAfter: at + 86_400_000,
    issuedAt: at,
    der,
    requestId,
    issuerKeyId: 'cd'.repeat(20),
    shortened: false,
    peerAddress: '192.0.2.17:40404',
    state: 'issued',
  };
  const audit: AuditEvent = {
    actor: caller,
    actorMethod: 'jwt',
    actorAddress: '192.0.2.17:40404',
    action: 'certificate.issue',
    object: spiffeId,
    result: 'success',
    requestId,
    detail: { serial, notAfter: record.notAfter, csrSha256: record.csrSha256 },
  };
  return { record, audit };
}

export const openBenchStore = (stateDirectory: string) =>
  openStore({
    stateDirectory,
    clock: systemClock,
    random: systemRandom,
    initialise: true,
    serialPrefix: 1,
    // The check that reads a long database behind its start would be counted as the cost of a record.
    limits: { checkBehindAfterMs: 3_600_000 },
  });

export interface RecordCost {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** One round of `count` records, `concurrent` at a time; CPU is of all threads. */
export async function recordRound(
  store: SqliteStore,
  concurrent: number,
  count: number,
): Promise<RecordCost> {
  const serials = new EpochSerials(store.identity(), systemClock, systemRandom);
  let left = count;
  const work = async () => {
    while (left-- > 0) {
      const { record, audit } = sampleRecord(serials.nextHex(), left);
      await store.issuances.recordIssuance(record, audit);
    }
  };
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  await Promise.all(Array.from({ length: concurrent }, work));
  const used = process.cpuUsage(cpu);
  return {
    perSecond: (count * 1000) / (performance.now() - wall),
    cpuMicros: (used.user + used.system) / count,
  };
}

/** Median of five rounds, after one that is not counted. */
export async function recordCost(store: SqliteStore, concurrent: number, count: number): Promise<RecordCost> {
  await recordRound(store, concurrent, count);
  const rounds: RecordCost[] = [];
  while (rounds.length < 5) rounds.push(await recordRound(store, concurrent, count));
  return {
    perSecond: median(rounds.map((one) => one.perSecond)),
    cpuMicros: median(rounds.map((one) => one.cpuMicros)),
  };
}

/** The same bytes into one bare table, no thread, no chain, no index, `rows` to a synced transaction: CPU in µs a row. */
export function bareRecordCost(directory: string, rows: number, transactions: number): number {
  const db = connect(join(directory, `bare-${rows}.db`));
  db.exec(
    'DROP TABLE IF EXISTS bare; CREATE TABLE bare (id INTEGER PRIMARY KEY, serial BLOB, text TEXT, der BLOB) STRICT',
  );
  const insert = db.prepare('INSERT INTO bare (serial, text, der) VALUES (?, ?, ?)');
  const { audit } = sampleRecord('01'.repeat(20), 1);
  const text = JSON.stringify(audit);
  const figures: number[] = [];
  for (let round = 0; round < 6; round++) {
    const cpu = process.cpuUsage();
    for (let t = 0; t < transactions; t++) {
      db.exec('BEGIN IMMEDIATE');
      for (let i = 0; i < rows; i++) insert.run(randomBytes(20), text, der);
      db.exec('COMMIT');
    }
    const used = process.cpuUsage(cpu);
    if (round > 0) figures.push((used.user + used.system) / (rows * transactions));
  }
  db.close();
  return median(figures);
}
