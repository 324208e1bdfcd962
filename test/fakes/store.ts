import type { Clock } from '../../src/base/clock.ts';
import type {
  AuditEvent,
  Refusal,
  RefusalLog,
  Store,
  StoreFigures,
  StoreHealth,
  StoreIdentity,
  StoreMaintenance,
} from '../../src/operations/ports/index.ts';
import { FakeClock } from './clock.ts';
import { FakeIssuances, FakeJoinTokens } from './store-credentials.ts';
import { FakeDecisions } from './store-decisions.ts';
import { FakeJournal } from './store-journal.ts';
import { FakeNodes } from './store-nodes.ts';
import { FakeResources, FakeRevocations } from './store-resources.ts';
import { FakeTraffic } from './store-traffic.ts';

class FakeRefusals implements RefusalLog {
  readonly #ring: Refusal[] = [];

  note(refusal: Refusal): void {
    this.#ring.push(refusal);
    if (this.#ring.length > 1000) this.#ring.shift();
  }

  async find(requestId: string): Promise<Refusal | undefined> {
    return this.#ring.findLast((refusal) => refusal.requestId === requestId);
  }

  async list(limit = 100): Promise<readonly Refusal[]> {
    return this.#ring.slice(-limit).reverse();
  }

  dropped(): number {
    return 0;
  }
}

/** The store in memory, behaving as the ports say. `goDown()` and `comeBack()` play the disk. */
export class FakeStore implements Store {
  readonly clock: Clock;
  readonly audit: FakeJournal;
  readonly issuances: FakeIssuances;
  readonly joinTokens: FakeJoinTokens;
  readonly nodes: FakeNodes;
  readonly revocations: FakeRevocations;
  readonly resources: FakeResources;
  readonly refusals: RefusalLog = new FakeRefusals();
  readonly decisions: FakeDecisions;
  readonly traffic = new FakeTraffic();
  readonly maintenance: StoreMaintenance;
  readonly #identity: StoreIdentity;

  constructor(options: { readonly clock?: Clock; readonly identity?: Partial<StoreIdentity> } = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.#identity = {
      instanceId: 'fake',
      epoch: 0,
      serialPrefix: 1,
      createdAt: this.clock.now(),
      ...options.identity,
    };
    this.audit = new FakeJournal(this.clock, () => this.#identity);
    this.issuances = new FakeIssuances(this.audit);
    this.joinTokens = new FakeJoinTokens(this.audit);
    this.revocations = new FakeRevocations(this.audit);
    this.nodes = new FakeNodes(this.audit, this.issuances, this.revocations);
    this.resources = new FakeResources(this.audit);
    this.decisions = new FakeDecisions(this.resources);
    this.maintenance = new FakeMaintenance(this);
  }

  goDown(reason: 'disk-full' | 'io-error' | 'damaged' | 'starting' = 'io-error'): void {
    this.audit.outage = { ready: false, reason, detail: 'the fake is down' };
  }

  comeBack(): void {
    this.audit.outage = { ready: true };
  }

  health(): StoreHealth {
    return this.audit.outage;
  }

  identity(): StoreIdentity {
    return this.#identity;
  }

  async close(): Promise<void> {
    this.audit.outage = { ready: false, reason: 'closed', detail: 'the store was closed' };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class FakeMaintenance implements StoreMaintenance {
  readonly #store: FakeStore;

  constructor(store: FakeStore) {
    this.#store = store;
  }

  /** Writes no file: only its audit entry behaves. */
  async backup(_file: string, audit: AuditEvent): Promise<{ bytes: number; at: number }> {
    await this.#store.audit.append(audit);
    return { bytes: 0, at: this.#store.clock.now() };
  }

  async prune(
    limits: Parameters<StoreMaintenance['prune']>[0],
    audit: AuditEvent,
  ): ReturnType<StoreMaintenance['prune']> {
    const { issuances, joinTokens, traffic, clock } = this.#store;
    traffic.prune(limits.trafficBefore);
    return this.#store.audit.commit(() => {
      const result = {
        issuances: issuances.prune(limits.issuancesEndedBefore),
        joinTokens: joinTokens.prune(limits.joinTokensEndedBefore),
        idempotency: issuances.pruneIdempotency(clock.now()),
      };
      const removed = result.issuances + result.joinTokens;
      const detail = { issuances: result.issuances, joinTokens: result.joinTokens };
      return { result, audits: removed === 0 ? [] : [{ ...audit, detail: { ...audit.detail, ...detail } }] };
    });
  }

  figures(): StoreFigures {
    const { writes } = this.#store.audit;
    return {
      databaseBytes: 0,
      walBytes: 0,
      queued: 0,
      batches: writes,
      writes,
      failures: 0,
      reopenings: 0,
      overloads: 0,
    };
  }

  async check(): Promise<readonly string[]> {
    return [];
  }
}
