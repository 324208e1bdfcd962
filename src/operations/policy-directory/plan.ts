import type { ResourceChange, ResourceKey } from '../ports/index.ts';
import type { ReadResource } from '../read-resource-text.ts';

/** What the directory is known to own, by `keyOf`. */
export interface OwnedResource extends ResourceKey {
  readonly content: string;
  readonly owner: string;
}

export type Owned = ReadonlyMap<string, OwnedResource>;

const scheme = 'directory:';

export function ownerOf(path: string): string {
  return `${scheme}${path}`;
}

export function isOfDirectory(owner: string): boolean {
  return owner.startsWith(scheme);
}

export function keyOf({ kind, namespace, name }: ResourceKey): string {
  return JSON.stringify([kind, namespace, name]);
}

export interface DirectoryPlan {
  readonly changes: readonly ResourceChange[];
  readonly created: readonly ResourceKey[];
  readonly updated: readonly ResourceKey[];
  readonly deleted: readonly ResourceKey[];
}

/** From what is owned to what the files say. */
export function planDirectory(wanted: Owned, present: Owned): DirectoryPlan {
  const changes: ResourceChange[] = [];
  const created: ResourceKey[] = [];
  const updated: ResourceKey[] = [];
  const deleted: ResourceKey[] = [];
  for (const [key, one] of wanted) {
    const before = present.get(key);
    if (before?.content === one.content && before.owner === one.owner) continue;
    changes.push({ put: one });
    (before === undefined ? created : updated).push(one);
  }
  for (const [key, { kind, namespace, name }] of present)
    if (!wanted.has(key)) {
      const gone = { kind, namespace, name };
      changes.push({ delete: gone });
      deleted.push(gone);
    }
  return { changes, created, updated, deleted };
}

export function ownedBy(path: string, { kind, namespace, name, content }: ReadResource): OwnedResource {
  return { kind, namespace, name, content, owner: ownerOf(path) };
}
