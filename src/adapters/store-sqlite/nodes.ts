import type { Logger } from '../../base/logger.ts';
import type {
  AuditEvent,
  IssuanceRecord,
  NodeAdmission,
  NodeChange,
  NodeNote,
  NodeRecord,
  NodeStore,
} from '../../operations/ports/index.ts';
import { Listeners } from './listeners.ts';
import type { Reader } from './reader.ts';
import type { SqliteRevocations } from './revocations.ts';
import { readNode } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

/** Nodes are asked about on every call of an agent, so they stand in memory, as the deny list does. */
export class SqliteNodes implements NodeStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #revocations: SqliteRevocations;
  readonly #listeners: Listeners<string>;
  #byId = new Map<string, NodeRecord>();

  constructor(
    queue: WriteQueue,
    reader: Reader,
    beside: { readonly revocations: SqliteRevocations; readonly logger: Logger },
  ) {
    this.#queue = queue;
    this.#reader = reader;
    this.#revocations = beside.revocations;
    this.#listeners = new Listeners(beside.logger);
    this.refresh();
  }

  refresh(): void {
    const rows = this.#reader.all('SELECT * FROM node').map(readNode);
    this.#byId = new Map(rows.map((node) => [node.id, node]));
    for (const { id } of rows) this.#listeners.tell(id);
  }

  async admit(record: IssuanceRecord, node: NodeAdmission, audits: readonly AuditEvent[]): Promise<void> {
    await this.#queue.submit<'admit-node'>({ kind: 'admit-node', record, node, audits }, this.#keep);
  }

  async renew(record: IssuanceRecord, id: string, audits: readonly AuditEvent[]): Promise<void> {
    await this.#queue.submit<'renew-node'>({ kind: 'renew-node', record, id, audits }, this.#keep);
  }

  async change(change: NodeChange, audit: AuditEvent): Promise<void> {
    await this.#queue.submit<'change-node'>({ kind: 'change-node', change, audit }, (node) => {
      this.#keep(node);
      if (change.denySerials.length > 0) this.#revocations.refresh();
    });
  }

  async note(notes: readonly NodeNote[]): Promise<void> {
    await this.#queue.submit<'note-nodes'>({ kind: 'note-nodes', notes }, () => {
      for (const { id, lastSeenAt, bundles } of notes) {
        const node = this.#byId.get(id);
        if (node === undefined) continue;
        this.#byId.set(id, { ...node, lastSeenAt: Math.max(node.lastSeenAt, lastSeenAt), bundles });
      }
    });
  }

  find(id: string): NodeRecord | undefined {
    return this.#byId.get(id);
  }

  list(): readonly NodeRecord[] {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  watch(listener: (id: string) => void): Disposable {
    return this.#listeners.add(listener);
  }

  readonly #keep = (node: NodeRecord): void => {
    this.#byId.set(node.id, node);
    this.#listeners.tell(node.id);
  };
}
