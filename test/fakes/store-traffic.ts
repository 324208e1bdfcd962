import {
  hourMs,
  type TrafficLedger,
  type TrafficQuery,
  type TrafficRow,
  type TrafficSum,
} from '../../src/operations/ports/index.ts';

/** Counts in memory. */
export class FakeTraffic implements TrafficLedger {
  #rows: TrafficRow[] = [];

  async add(rows: readonly TrafficRow[]): Promise<void> {
    this.#rows.push(...rows);
  }

  async list({ since = 0, caller, destination, limit = 500 }: TrafficQuery = {}) {
    const sums = new Map<string, TrafficSum>();
    const fitting = this.#rows
      .filter(({ hour }) => hour >= Math.floor(since / hourMs) * hourMs)
      .filter((row) => caller === undefined || row.caller === caller)
      .filter((row) => destination === undefined || row.destination === destination);
    for (const { hour: _, node: __, ...row } of fitting) {
      const { allowed, denied, lastAt, ...key } = row;
      const before = sums.get(JSON.stringify(key)) ?? { allowed: 0, denied: 0, lastAt: 0 };
      sums.set(JSON.stringify(key), {
        ...key,
        allowed: allowed + before.allowed,
        denied: denied + before.denied,
        lastAt: Math.max(lastAt, before.lastAt),
      });
    }
    return [...sums.values()].sort((a, b) => b.allowed + b.denied - (a.allowed + a.denied)).slice(0, limit);
  }

  prune(before = 0): void {
    this.#rows = this.#rows.filter(({ hour }) => hour >= before);
  }
}
