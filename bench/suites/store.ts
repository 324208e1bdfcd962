/** Durable records: what one costs alone and together, and whether a million on file make the next one dearer. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/adapters/store-sqlite/connection.ts';
import { openStore, type SqliteStore, stateFiles } from '../../src/adapters/store-sqlite/index.ts';
import { WriterCore } from '../../src/adapters/store-sqlite/writer-core.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { EpochSerials } from '../../src/operations/epoch-serials.ts';
import type { AuditEvent, IssuanceRecord } from '../../src/operations/ports/index.ts';
import { against, type Bench, type Figure, median } from '../support/bench.ts';

const small = 1000;
const large = Number(process.env['CASTELLAN_BENCH_RECORDS'] ?? 1_000_000);
const der = randomBytes(700);
const identities = 5000;
const fillBatch = 20_000;

/** A leaf and its audit entry as the CSR door writes them. */
function sample(serial: string, n: number): { record: IssuanceRecord; audit: AuditEvent } {
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

interface Cost {
  readonly perSecond: number;
  readonly cpuMicros: number;
}

/** Median of rounds of `count` records, `concurrent` at a time; CPU is of all threads. */
async function insertCost(store: SqliteStore, concurrent: number, count: number): Promise<Cost> {
  const serials = new EpochSerials(store.identity(), systemClock, systemRandom);
  const round = async (): Promise<Cost> => {
    let left = count;
    const work = async () => {
      while (left-- > 0) {
        const { record, audit } = sample(serials.nextHex(), left);
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
  };
  await round();
  const rounds = [await round(), await round(), await round(), await round(), await round()];
  return {
    perSecond: median(rounds.map((one) => one.perSecond)),
    cpuMicros: median(rounds.map((one) => one.cpuMicros)),
  };
}

/** The floor: the same bytes into one bare table, no thread, no chain, no index, `rows` to a synced transaction. */
function bareCost(directory: string, rows: number, transactions: number): number {
  const db = connect(join(directory, `bare-${rows}.db`));
  db.exec('CREATE TABLE bare (id INTEGER PRIMARY KEY, serial BLOB, text TEXT, der BLOB) STRICT');
  const insert = db.prepare('INSERT INTO bare (serial, text, der) VALUES (?, ?, ?)');
  const { audit } = sample('01'.repeat(20), 1);
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

/** Fills a closed store in big transactions, by the writer's own code. */
async function fillTo(stateDirectory: string, total: number): Promise<void> {
  const file = stateFiles(stateDirectory).database;
  const writer = new WriterCore({ file, refusals: 1, decisions: 1, checkpointEvery: 100_000 });
  const serials = new EpochSerials({ serialPrefix: 1, epoch: 0 }, systemClock, systemRandom);
  const at = systemClock.now();
  for (let n = 0; n < total; n += fillBatch) {
    const writes = Array.from({ length: Math.min(fillBatch, total - n) }, (_, i) => ({
      write: { kind: 'issue' as const, ...sample(serials.nextHex(), n + i), idempotency: undefined },
      at,
      bootTime: 0,
    }));
    writer.commit({ type: 'batch', writes, refusals: [], decisions: [] });
    writer.tidy();
  }
  writer.close();
}

async function lookupCost(store: SqliteStore): Promise<{ bySerial: number; byId: number }> {
  const page = await store.issuances.list({ limit: 1000 });
  const time = async (run: (record: IssuanceRecord) => Promise<unknown>) => {
    const rounds: number[] = [];
    for (let round = 0; round < 6; round++) {
      const cpu = process.cpuUsage();
      for (const record of page.records) await run(record);
      const used = process.cpuUsage(cpu);
      if (round > 0) rounds.push((used.user + used.system) / page.records.length);
    }
    return median(rounds);
  };
  return {
    bySerial: await time((record) => store.issuances.findBySerial(record.serial)),
    byId: await time((record) => store.issuances.findBySpiffeId(record.spiffeId, 1)),
  };
}

const open = (stateDirectory: string) =>
  openStore({
    stateDirectory,
    clock: systemClock,
    random: systemRandom,
    initialise: true,
    serialPrefix: 1,
    // The check that reads a long database behind its start would be counted as the cost of a record.
    limits: { checkBehindAfterMs: 3_600_000 },
  });

async function atSize(stateDirectory: string, total: number) {
  await using store = await open(stateDirectory);
  const name = total >= 1000 ? `${total / 1000}k` : String(total);
  const insert = await insertCost(store, 64, 6400);
  return { name, insert, lookup: await lookupCost(store) };
}

export const bench: Bench = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'castellan-bench-store-'));
  const figures: Figure[] = [];
  try {
    const [few, many] = [join(directory, 'small'), join(directory, 'large')];
    await (await open(few)).close();
    await fillTo(few, small);
    const [bareOne, bareMany] = [bareCost(directory, 1, 500), bareCost(directory, 64, 100)];
    {
      await using store = await open(few);
      const one = await insertCost(store, 1, 1000);
      figures.push({ name: 'durable records, 1 at a time', value: one.perSecond, unit: 'rows/s' });
      figures.push(
        against(bareOne, { name: 'CPU per record, 1 at a time', value: one.cpuMicros, unit: 'us' }),
      );
      const together = await insertCost(store, 64, 6400);
      figures.push({ name: 'durable records, 64 at a time', value: together.perSecond, unit: 'rows/s' });
      figures.push(
        against(bareMany, { name: 'CPU per record, 64 at a time', value: together.cpuMicros, unit: 'us' }),
      );
    }
    await (await open(many)).close();
    const building = performance.now();
    await fillTo(many, large);
    figures.push({
      name: `building ${large} records`,
      value: (performance.now() - building) / 1000,
      unit: 's',
    });
    figures.push({
      name: 'bytes per record on disk',
      value: statSync(stateFiles(many).database).size / large,
      unit: 'B',
    });
    const opening = performance.now();
    await (await open(many)).close();
    figures.push({
      name: `opening with ${large} records`,
      value: (performance.now() - opening) / 1000,
      unit: 's',
    });
    const [a, b] = [await atSize(few, small), await atSize(many, large)];
    const grown = (name: string, at: (of: typeof a) => number) =>
      figures.push(
        against(at(a), { name: `${name}, ${b.name} on file (floor: ${a.name})`, value: at(b), unit: 'us' }),
      );
    grown('CPU per record at 64', (of) => of.insert.cpuMicros);
    grown('CPU per look-up by serial', (of) => of.lookup.bySerial);
    grown('CPU per look-up by SPIFFE ID', (of) => of.lookup.byId);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return figures;
};
