import type {
  AuditEvent,
  ResourceChange,
  ResourceDraft,
  ResourceKey,
  ResourceStore,
  ResourcesChanged,
  Revocation,
  RevocationStore,
  RevocationTarget,
  StoredResource,
  WriteCondition,
} from '../../src/operations/ports/index.ts';
import { storeErrors } from '../../src/operations/ports/index.ts';
import type { FakeJournal } from './store-journal.ts';

export class FakeRevocations implements RevocationStore {
  readonly #rows = new Map<string, Revocation>();
  readonly #listeners = new Set<() => void>();
  readonly #journal: FakeJournal;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  async revoke(target: RevocationTarget, reason: string, at: number, audit: AuditEvent): Promise<void> {
    await this.#journal.commit(() => {
      const key = targetKey(target);
      if (!this.#rows.has(key)) this.#rows.set(key, { ...target, reason, at, actor: audit.actor });
      return { result: undefined, audits: [audit] };
    });
    for (const listener of this.#listeners) listener();
  }

  /** Within a transaction of another port. */
  deny(serials: readonly string[], of: { reason: string; at: number; actor: string }): void {
    for (const serial of serials)
      if (!this.#rows.has(`serial ${serial}`)) this.#rows.set(`serial ${serial}`, { serial, ...of });
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async lift(target: RevocationTarget, audit: AuditEvent): Promise<boolean> {
    const lifted = await this.#journal.commit(() => {
      const result = this.#rows.delete(targetKey(target));
      return { result, audits: result ? [audit] : [] };
    });
    if (lifted) for (const listener of this.#listeners) listener();
    return lifted;
  }

  isRevoked(serial: string | undefined, spiffeId: string): boolean {
    return this.find(serial, spiffeId) !== undefined;
  }

  find(serial: string | undefined, spiffeId: string): Revocation | undefined {
    const bySerial = serial === undefined ? undefined : this.#rows.get(`serial ${serial}`);
    return bySerial ?? this.#rows.get(`id ${spiffeId}`);
  }

  async list(): Promise<readonly Revocation[]> {
    return this.current();
  }

  current(): readonly Revocation[] {
    return [...this.#rows.values()];
  }

  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

export class FakeResources implements ResourceStore {
  readonly #rows = new Map<string, StoredResource>();
  readonly #listeners = new Set<(changed: ResourcesChanged) => void>();
  readonly #journal: FakeJournal;
  #revision = 0n;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  async get(kind: string, namespace: string, name: string): Promise<StoredResource | undefined> {
    return this.#rows.get(resourceKey({ kind, namespace, name }));
  }

  async list(kind?: string): Promise<readonly StoredResource[]> {
    return [...this.#rows.values()]
      .filter((row) => (kind ?? row.kind) === row.kind)
      .sort((a, b) => compare(resourceKey(a), resourceKey(b)));
  }

  async put(draft: ResourceDraft, condition: WriteCondition, audit: AuditEvent): Promise<StoredResource> {
    const version = await this.write([{ put: draft, ifVersion: condition.ifVersion }], [audit]);
    const row = this.#rows.get(resourceKey(draft)) as StoredResource;
    return { ...row, ...draft, version };
  }

  async delete(
    key: ResourceKey,
    condition: { readonly ifVersion?: bigint | undefined },
    audit: AuditEvent,
  ): Promise<boolean> {
    if (condition.ifVersion === undefined && !this.#rows.has(resourceKey(key))) return false;
    await this.write([{ delete: key, ifVersion: condition.ifVersion }], [audit]);
    return true;
  }

  async write(changes: readonly ResourceChange[], audits: readonly AuditEvent[]): Promise<bigint> {
    return this.#journal.commit(() => {
      for (const change of changes) this.#check(change);
      const revision = this.#revision + 1n;
      this.#revision = revision;
      for (const change of changes) this.#apply(change);
      for (const listener of this.#listeners) listener({ revision, changes });
      return { result: revision, audits };
    });
  }

  revision(): bigint {
    return this.#revision;
  }

  watch(listener: (changed: ResourcesChanged) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #check(change: ResourceChange): void {
    const key = 'put' in change ? change.put : change.delete;
    if (change.ifVersion === undefined) return;
    const version = this.#rows.get(resourceKey(key))?.version ?? 'absent';
    if (version !== change.ifVersion) throw storeErrors.RESOURCE_VERSION_CONFLICT();
  }

  #apply(change: ResourceChange): void {
    if ('delete' in change) {
      this.#rows.delete(resourceKey(change.delete));
      return;
    }
    const now = this.#journal.clock.now();
    const createdAt = this.#rows.get(resourceKey(change.put))?.createdAt ?? now;
    const row = { ...change.put, version: this.#revision, createdAt, updatedAt: now };
    this.#rows.set(resourceKey(change.put), row);
  }
}

function targetKey(target: RevocationTarget): string {
  return target.serial === undefined ? `id ${target.spiffeId}` : `serial ${target.serial}`;
}

function resourceKey({ kind, namespace, name }: ResourceKey): string {
  return [kind, namespace, name].join('\0');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
