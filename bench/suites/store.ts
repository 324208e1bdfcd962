/** Durable records: what one costs alone and together, and whether a million on file make the next one dearer. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SqliteStore, stateFiles } from '../../src/adapters/store-sqlite/index.ts';
import { WriterCore } from '../../src/adapters/store-sqlite/writer-core.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { EpochSerials } from '../../src/operations/epoch-serials.ts';
import type { IssuanceRecord } from '../../src/operations/ports/index.ts';
import { against, type Bench, type Figure, median } from '../support/bench.ts';
import { bareRecordCost, openBenchStore, recordCost, sampleRecord } from '../support/records.ts';

const small = 1000;
const large = Number(process.env['CASTELLAN_BENCH_RECORDS'] ?? 1_000_000);
const fillBatch = 20_000;

/** Fills a closed store in big transactions, by the writer's own code. */
async function fillTo(stateDirectory: string, total: number): Promise<void> {
  const file = stateFiles(stateDirectory).database;
  const writer = new WriterCore({ file, refusals: 1, decisions: 1, checkpointEvery: 100_000 });
  const serials = new EpochSerials({ serialPrefix: 1, epoch: 0 }, systemClock, systemRandom);
  const at = systemClock.now();
  for (let n = 0; n < total; n += fillBatch) {
    const writes = Array.from({ length: Math.min(fillBatch, total - n) }, (_, i) => ({
      write: { kind: 'issue' as const, ...sampleRecord(serials.nextHex(), n + i), idempotency: undefined },
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

async function atSize(stateDirectory: string, total: number) {
  await using store = await openBenchStore(stateDirectory);
  const name = total >= 1000 ? `${total / 1000}k` : String(total);
  const insert = await recordCost(store, 64, 6400);
  return { name, insert, lookup: await lookupCost(store) };
}

export const bench: Bench = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'castellan-bench-store-'));
  const figures: Figure[] = [];
  try {
    const [few, many] = [join(directory, 'small'), join(directory, 'large')];
    await (await openBenchStore(few)).close();
    await fillTo(few, small);
    const [bareOne, bareMany] = [bareRecordCost(directory, 1, 500), bareRecordCost(directory, 64, 100)];
    {
      await using store = await openBenchStore(few);
      const one = await recordCost(store, 1, 1000);
      figures.push({ name: 'durable records, 1 at a time', value: one.perSecond, unit: 'rows/s' });
      figures.push(
        against(bareOne, { name: 'CPU per record, 1 at a time', value: one.cpuMicros, unit: 'us' }),
      );
      const together = await recordCost(store, 64, 6400);
      figures.push({ name: 'durable records, 64 at a time', value: together.perSecond, unit: 'rows/s' });
      figures.push(
        against(bareMany, { name: 'CPU per record, 64 at a time', value: together.cpuMicros, unit: 'us' }),
      );
    }
    await (await openBenchStore(many)).close();
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
    await (await openBenchStore(many)).close();
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
