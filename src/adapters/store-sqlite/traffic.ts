import type { TrafficLedger, TrafficQuery, TrafficRow, TrafficSum } from '../../operations/ports/index.ts';
import { hourMs } from '../../operations/ports/index.ts';
import { runQuery } from './tasks.ts';
import type { WriteQueue } from './write-queue.ts';

/** Counts by the hour; sums over hours and nodes are made in a thread of its own. */
export class SqliteTraffic implements TrafficLedger {
  readonly #queue: WriteQueue;
  readonly #database: string;

  constructor(queue: WriteQueue, database: string) {
    this.#queue = queue;
    this.#database = database;
  }

  async add(rows: readonly TrafficRow[]): Promise<void> {
    await this.#queue.submit<'add-traffic'>({ kind: 'add-traffic', rows });
  }

  async list(query: TrafficQuery = {}): Promise<readonly TrafficSum[]> {
    const { since = 0, caller, destination } = query;
    const tests: readonly (readonly [string, string | number | undefined])[] = [
      ['hour >= ?', Math.floor(since / hourMs) * hourMs],
      ['caller = ?', caller],
      ['destination = ?', destination],
    ];
    const used = tests.filter((test): test is readonly [string, string | number] => test[1] !== undefined);
    const most = Math.max(1, Math.min(100_000, Math.floor(query.limit ?? 500)));
    const key = 'caller, destination, port, tls, method, path';
    const sql = `SELECT ${key}, sum(allowed) AS allowed, sum(denied) AS denied, max(last_at) AS last_at
      FROM traffic WHERE ${used.map(([test]) => test).join(' AND ')}
      GROUP BY ${key} ORDER BY sum(allowed) + sum(denied) DESC, ${key} LIMIT ?`;
    const values = [...used.map(([, value]) => value), most];
    return (await runQuery(this.#database, sql, values)).map(readSum);
  }
}

function readSum(row: Readonly<Record<string, unknown>>): TrafficSum {
  return {
    caller: String(row['caller']),
    destination: String(row['destination']),
    port: Number(row['port']),
    tls: row['tls'] as TrafficSum['tls'],
    method: String(row['method']),
    path: String(row['path']),
    allowed: Number(row['allowed']),
    denied: Number(row['denied']),
    lastAt: Number(row['last_at']),
  };
}
