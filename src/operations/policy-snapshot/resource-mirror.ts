import { type AnyResource, hasErrors, parseResources } from '../../resources/index.ts';
import type { ResourceChange, ResourceKey, ResourceReader, StoredResource } from '../ports/index.ts';

interface Mirrored {
  readonly version: bigint;
  readonly resource: AnyResource;
}

/** The resources of the store as parsed values: each is read once, when it was written. */
export class ResourceMirror {
  readonly #store: ResourceReader;
  readonly #known = new Map<string, Mirrored>();
  readonly #dirty = new Map<string, ResourceKey>();
  readonly #unreadable = new Map<string, string>();

  constructor(store: ResourceReader) {
    this.#store = store;
  }

  /** Reads everything. */
  async fill(): Promise<void> {
    for (const stored of await this.#store.list()) this.#take(stored);
  }

  /** Notes what was written; it is read with the next `refresh`. */
  note(changes: readonly ResourceChange[]): void {
    for (const change of changes) {
      const key = 'put' in change ? change.put : change.delete;
      this.#dirty.set(keyOf(key), key);
    }
  }

  async refresh(): Promise<void> {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const [key, { kind, namespace, name }] of dirty) {
      const stored = await this.#store.get(kind, namespace, name);
      if (stored !== undefined) this.#take(stored);
      else {
        this.#known.delete(key);
        this.#unreadable.delete(key);
      }
    }
  }

  resources(): readonly AnyResource[] {
    return [...this.#known.values()].map(({ resource }) => resource);
  }

  /** What is stored and cannot be read any more, each with a reason: nothing may be compiled while one is there. */
  unreadable(): readonly string[] {
    return [...this.#unreadable.values()];
  }

  #take(stored: StoredResource): void {
    const key = keyOf(stored);
    if (this.#known.get(key)?.version === stored.version) return;
    const read = readOne(stored);
    if ('problem' in read) {
      this.#unreadable.set(key, read.problem);
      return;
    }
    this.#unreadable.delete(key);
    this.#known.set(key, { version: stored.version, resource: read.resource });
  }
}

/** A stored document as a resource; undefined when it cannot be read any more. */
export function readStored(stored: StoredResource): AnyResource | undefined {
  const read = readOne(stored);
  return 'problem' in read ? undefined : read.resource;
}

function readOne(stored: StoredResource): { readonly resource: AnyResource } | { readonly problem: string } {
  const file = stored.owner === '' ? `${stored.kind}/${stored.namespace}/${stored.name}` : stored.owner;
  const { resources, findings } = parseResources(stored.content, { file, format: 'json' });
  const [resource] = resources;
  if (resource === undefined || hasErrors(findings))
    return { problem: `${file}: ${findings[0]?.message ?? 'holds no resource'}` };
  return { resource: withStoredFacts(resource, stored) };
}

function keyOf({ kind, namespace, name }: ResourceKey): string {
  return JSON.stringify([kind, namespace, name]);
}

/** D16: age is what is written, else the first storing; objects of a directory have none. */
function withStoredFacts(resource: AnyResource, { version, createdAt, owner }: StoredResource): AnyResource {
  const written = resource.metadata.createdAt;
  const metadata = {
    ...resource.metadata,
    resourceVersion: String(version),
    createdAt: written ?? (owner === '' ? createdAt : undefined),
  };
  return { ...resource, metadata } as AnyResource;
}
