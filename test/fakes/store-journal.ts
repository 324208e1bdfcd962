import type { Clock } from '../../src/base/clock.ts';
import {
  type AuditRow,
  chainEvent,
  emptyHead,
  readEntry,
  verifyAudit,
} from '../../src/operations/audit/index.ts';
import type {
  AuditCheckpoints,
  AuditEntry,
  AuditEvent,
  AuditHead,
  AuditQuery,
  AuditReport,
  AuditStore,
  StoreHealth,
  StoreIdentity,
} from '../../src/operations/ports/index.ts';
import { storeErrors } from '../../src/operations/ports/index.ts';

/** What the parts of the fake share: the chain, and whether the disk is there. */
export class FakeJournal implements AuditStore {
  readonly rows: AuditRow[] = [];
  readonly clock: Clock;
  readonly #identity: () => StoreIdentity;
  readonly #listeners = new Set<(head: AuditHead) => void>();
  outage: StoreHealth = { ready: true };
  writes = 0;

  constructor(clock: Clock, identity: () => StoreIdentity) {
    this.clock = clock;
    this.#identity = identity;
  }

  /** Runs `change` as one transaction; what it throws leaves nothing behind because it checks before it writes. */
  async commit<T>(change: () => { readonly result: T; readonly audits: readonly AuditEvent[] }): Promise<T> {
    await Promise.resolve();
    if (!this.outage.ready) throw storeErrors.STORE_UNAVAILABLE({ retryAfterSeconds: 1 });
    const { result, audits } = change();
    this.writes++;
    const { instanceId: instance, epoch } = this.#identity();
    for (const event of audits) {
      const stamp = { at: this.clock.now(), bootTime: this.clock.bootTime(), instance, epoch };
      this.rows.push(chainEvent(this.head(), event, stamp));
    }
    if (audits.length > 0) for (const listener of this.#listeners) listener(this.head());
    return result;
  }

  append(event: AuditEvent): Promise<void> {
    return this.commit(() => ({ result: undefined, audits: [event] }));
  }

  async list(query: AuditQuery = {}): Promise<readonly AuditEntry[]> {
    const { before = Number.POSITIVE_INFINITY, action, object, requestId, since = 0, limit = 100 } = query;
    return this.rows
      .map(readEntry)
      .filter((e) => e.sequence < before && e.at >= since)
      .filter((e) => (action ?? e.action) === e.action && (object ?? e.object) === e.object)
      .filter((e) => (requestId ?? e.requestId) === e.requestId)
      .reverse()
      .slice(0, limit);
  }

  head(): AuditHead {
    const last = this.rows.at(-1);
    return last === undefined ? emptyHead : { sequence: last.sequence, hash: last.hash };
  }

  onGrowth(listener: (head: AuditHead) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  verify(checkpoints?: AuditCheckpoints): Promise<AuditReport> {
    return verifyAudit(this.rows, { checkpoints, instance: this.#identity().instanceId });
  }
}
