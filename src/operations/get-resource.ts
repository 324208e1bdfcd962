import { operatorErrors } from './operator-errors.ts';
import type { ResourceKey, ResourceStore, StoredResource } from './ports/index.ts';
import type { ResourceCondition } from './resource-conditions.ts';
import { storedDocument } from './stored-document.ts';

/** A stored document as its readers see it: the text that was applied, with the version and age the store gave it. */
export interface ResourceDocument {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly [section: string]: unknown;
}

/** Throws RESOURCE_UNKNOWN, in the same words whatever is missing (O10). */
export async function getResource(store: ResourceStore, key: ResourceKey): Promise<StoredResource> {
  const found = await store.get(key.kind, key.namespace, key.name);
  if (found === undefined) throw operatorErrors.RESOURCE_UNKNOWN();
  return found;
}

/** By kind, namespace and name. */
export async function listResources(
  store: ResourceStore,
  query: { readonly kind?: string | undefined; readonly namespace?: string | undefined },
): Promise<readonly StoredResource[]> {
  const found = await store.list(query.kind);
  return query.namespace === undefined
    ? found
    : found.filter(({ namespace }) => namespace === query.namespace);
}

/** D16: the age is what was written, else when it was first stored. */
export function toDocument(
  stored: StoredResource,
  conditions: readonly ResourceCondition[] = [],
): ResourceDocument {
  const { metadata, ...rest } = storedDocument(stored) as ResourceDocument;
  return {
    ...rest,
    metadata: {
      ...metadata,
      creationTimestamp: metadata.creationTimestamp ?? new Date(stored.createdAt).toISOString(),
      resourceVersion: String(stored.version),
    },
    ...(conditions.length === 0 ? {} : { status: { conditions } }),
  };
}
