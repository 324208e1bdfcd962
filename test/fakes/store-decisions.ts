import type {
  DecisionQuery,
  DecisionRing,
  DecisionRow,
  ResourceStore,
  StoredResource,
} from '../../src/operations/ports/index.ts';

/** The ring in memory. It keeps the resources of the revision that is current, and those it was told of before. */
export class FakeDecisions implements DecisionRing {
  readonly #rows: DecisionRow[] = [];
  readonly #revisions = new Map<bigint, readonly StoredResource[]>();
  readonly #resources: ResourceStore;

  constructor(resources: ResourceStore) {
    this.#resources = resources;
  }

  note(row: DecisionRow): void {
    this.#rows.push(row);
  }

  async find(id: string): Promise<DecisionRow | undefined> {
    return this.#rows.find((row) => row.id === id);
  }

  async list({ outcome, source, destination, since, after, limit = 100 }: DecisionQuery = {}) {
    const fitting = this.#rows
      .filter((row) => outcome === undefined || row.outcome === outcome)
      .filter((row) => source === undefined || row.source === source)
      .filter((row) => destination === undefined || row.destination === destination)
      .filter((row) => since === undefined || row.at >= since)
      .filter((row) => after === undefined || row.id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return (after === undefined ? fitting.reverse() : fitting).slice(0, limit);
  }

  async resourcesAt(revision: bigint): Promise<readonly StoredResource[] | undefined> {
    if (revision === this.#resources.revision()) this.#revisions.set(revision, await this.#resources.list());
    return this.#revisions.get(revision);
  }

  dropped(): number {
    return 0;
  }
}
