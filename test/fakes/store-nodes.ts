import type {
  AuditEvent,
  IssuanceRecord,
  NodeAdmission,
  NodeChange,
  NodeNote,
  NodeRecord,
  NodeStore,
} from '../../src/operations/ports/index.ts';
import { storeErrors } from '../../src/operations/ports/index.ts';
import type { FakeIssuances } from './store-credentials.ts';
import type { FakeJournal } from './store-journal.ts';
import type { FakeRevocations } from './store-resources.ts';

export class FakeNodes implements NodeStore {
  readonly #nodes = new Map<string, NodeRecord>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #journal: FakeJournal;
  readonly #issuances: FakeIssuances;
  readonly #revocations: FakeRevocations;

  constructor(journal: FakeJournal, issuances: FakeIssuances, revocations: FakeRevocations) {
    this.#journal = journal;
    this.#issuances = issuances;
    this.#revocations = revocations;
  }

  async admit(record: IssuanceRecord, node: NodeAdmission, audits: readonly AuditEvent[]): Promise<void> {
    await this.#journal.commit(() => {
      if (this.#nodes.get(node.id)?.state === 'banned') throw storeErrors.NODE_BANNED();
      this.#issuances.put(record);
      const at = record.issuedAt;
      this.#nodes.set(node.id, {
        ...node,
        serial: record.serial,
        notAfter: record.notAfter,
        attestedAt: at,
        renewedAt: at,
        lastSeenAt: at,
        state: 'attested',
        stateReason: '',
        stateChangedAt: at,
        bundles: this.#nodes.get(node.id)?.bundles ?? [],
      });
      return { result: undefined, audits };
    });
    this.#tell(node.id);
  }

  async renew(record: IssuanceRecord, id: string, audits: readonly AuditEvent[]): Promise<void> {
    await this.#journal.commit(() => {
      const node = this.#nodes.get(id);
      if (node?.state !== 'attested') throw storeErrors.NODE_NOT_ATTESTED();
      this.#issuances.put(record);
      const { serial, notAfter, issuedAt } = record;
      this.#nodes.set(id, { ...node, serial, notAfter, renewedAt: issuedAt, lastSeenAt: issuedAt });
      return { result: undefined, audits };
    });
    this.#tell(id);
  }

  async change({ id, to, reason, at, denySerials }: NodeChange, audit: AuditEvent): Promise<void> {
    await this.#journal.commit(() => {
      const node = this.#nodes.get(id);
      if (node === undefined || (to === 'unbanned' && node.state !== 'banned'))
        throw storeErrors.NODE_UNKNOWN();
      const state = to === 'unbanned' ? 'evicted' : node.state === 'banned' ? 'banned' : to;
      this.#nodes.set(id, { ...node, state, stateReason: reason, stateChangedAt: at });
      this.#revocations.deny(denySerials, { reason, at, actor: audit.actor });
      return { result: undefined, audits: [audit] };
    });
    this.#tell(id);
    if (denySerials.length > 0) this.#revocations.tell();
  }

  async note(notes: readonly NodeNote[]): Promise<void> {
    await this.#journal.commit(() => {
      for (const { id, lastSeenAt, bundles } of notes) {
        const node = this.#nodes.get(id);
        if (node !== undefined)
          this.#nodes.set(id, { ...node, lastSeenAt: Math.max(node.lastSeenAt, lastSeenAt), bundles });
      }
      return { result: undefined, audits: [] };
    });
  }

  find(id: string): NodeRecord | undefined {
    return this.#nodes.get(id);
  }

  list(): readonly NodeRecord[] {
    return [...this.#nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  watch(listener: (id: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}
