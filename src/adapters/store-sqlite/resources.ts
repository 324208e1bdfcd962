import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type {
  AuditEvent,
  ResourceChange,
  ResourceDraft,
  ResourceKey,
  ResourceStore,
  ResourcesChanged,
  StoredResource,
  WriteCondition,
} from '../../operations/ports/index.ts';
import { Listeners } from './listeners.ts';
import type { Reader } from './reader.ts';
import { readResource } from './rows.ts';
import type { WriteQueue } from './write-queue.ts';

export class SqliteResources implements ResourceStore {
  readonly #queue: WriteQueue;
  readonly #reader: Reader;
  readonly #clock: Clock;
  readonly #listeners: Listeners<ResourcesChanged>;
  #revision = 0n;

  constructor(
    queue: WriteQueue,
    reader: Reader,
    ambient: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#queue = queue;
    this.#reader = reader;
    this.#clock = ambient.clock;
    this.#listeners = new Listeners(ambient.logger);
    this.refresh();
  }

  /** After an outage: a write whose outcome was unknown may be there after all. */
  refresh(): void {
    const revision = BigInt(
      Number(this.#reader.get('SELECT resource_revision FROM meta')?.['resource_revision'] ?? 0),
    );
    const moved = revision !== this.#revision;
    this.#revision = revision;
    if (moved) this.#listeners.tell({ revision, changes: [] });
  }

  async get(kind: string, namespace: string, name: string): Promise<StoredResource | undefined> {
    const sql = 'SELECT * FROM resource WHERE kind = ? AND namespace = ? AND name = ?';
    const row = this.#reader.get(sql, kind, namespace, name);
    return row === undefined ? undefined : readResource(row);
  }

  async list(kind?: string): Promise<readonly StoredResource[]> {
    const rows =
      kind === undefined
        ? this.#reader.all('SELECT * FROM resource ORDER BY kind, namespace, name')
        : this.#reader.all('SELECT * FROM resource WHERE kind = ? ORDER BY namespace, name', kind);
    return rows.map(readResource);
  }

  async put(draft: ResourceDraft, condition: WriteCondition, audit: AuditEvent): Promise<StoredResource> {
    const updatedAt = this.#clock.now();
    const { kind, namespace, name, content, owner } = draft;
    const own = { kind, namespace, name, content, owner };
    const { revision, createdAt } = await this.#submit(
      [{ put: own, ifVersion: condition.ifVersion }],
      [audit],
    );
    return { ...own, version: revision, createdAt: createdAt[0] ?? updatedAt, updatedAt };
  }

  async delete(
    key: ResourceKey,
    condition: { readonly ifVersion?: bigint | undefined },
    audit: AuditEvent,
  ): Promise<boolean> {
    const { kind, namespace, name } = key;
    if (condition.ifVersion === undefined && (await this.get(kind, namespace, name)) === undefined)
      return false;
    await this.#submit([{ delete: { kind, namespace, name }, ifVersion: condition.ifVersion }], [audit]);
    return true;
  }

  async write(changes: readonly ResourceChange[], audits: readonly AuditEvent[]): Promise<bigint> {
    return (await this.#submit(changes, audits)).revision;
  }

  revision(): bigint {
    return this.#revision;
  }

  watch(listener: (changed: ResourcesChanged) => void): Disposable {
    return this.#listeners.add(listener);
  }

  #submit(changes: readonly ResourceChange[], audits: readonly AuditEvent[]) {
    return this.#queue.submit<'resources'>({ kind: 'resources', changes, audits }, ({ revision }) => {
      this.#revision = revision;
      this.#listeners.tell({ revision, changes });
    });
  }
}
