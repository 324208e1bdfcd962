import type {
  ResourceChange,
  ResourceKey,
  ResourceReader,
  ResourcesChanged,
  StoredResource,
} from '../ports/index.ts';

/** One written document, or one that is gone. */
export type FollowedChange = { readonly put: StoredResource } | { readonly delete: ResourceKey };

/** The resources of a store elsewhere, as they were told: what a policy feed follows in a worker or at a node. */
export class FollowedResources implements ResourceReader {
  readonly #known = new Map<string, StoredResource>();
  readonly #listeners = new Set<(changed: ResourcesChanged) => void>();
  #revision = -1n;

  constructor(resources: readonly StoredResource[], revision: bigint) {
    for (const one of resources) this.#known.set(keyOf(one), one);
    this.#revision = revision;
  }

  /** What changed since; listeners are told once. */
  apply(changes: readonly FollowedChange[], revision: bigint): void {
    const told: ResourceChange[] = [];
    for (const change of changes)
      if ('put' in change) {
        this.#known.set(keyOf(change.put), change.put);
        told.push({ put: change.put });
      } else {
        this.#known.delete(keyOf(change.delete));
        told.push({ delete: change.delete });
      }
    this.#revision = revision;
    for (const listener of this.#listeners) listener({ revision, changes: told });
  }

  /** Everything anew; what is the same by version is no change. */
  replace(resources: readonly StoredResource[], revision: bigint): void {
    const wanted = new Map(resources.map((one) => [keyOf(one), one]));
    const changes: FollowedChange[] = [];
    for (const [key, one] of wanted)
      if (this.#known.get(key)?.version !== one.version) changes.push({ put: one });
    for (const [key, { kind, namespace, name }] of this.#known)
      if (!wanted.has(key)) changes.push({ delete: { kind, namespace, name } });
    if (changes.length > 0 || revision !== this.#revision) this.apply(changes, revision);
  }

  async get(kind: string, namespace: string, name: string): Promise<StoredResource | undefined> {
    return this.#known.get(keyOf({ kind, namespace, name }));
  }

  async list(kind?: string): Promise<readonly StoredResource[]> {
    const all = [...this.#known.values()];
    return kind === undefined ? all : all.filter((one) => one.kind === kind);
  }

  revision(): bigint {
    return this.#revision;
  }

  watch(listener: (changed: ResourcesChanged) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function keyOf({ kind, namespace, name }: ResourceKey): string {
  return JSON.stringify([kind, namespace, name]);
}
