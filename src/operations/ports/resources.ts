import type { AuditEvent } from './audit.ts';

export interface ResourceKey {
  readonly kind: string;
  /** Empty for kinds without a namespace. */
  readonly namespace: string;
  readonly name: string;
}

export interface ResourceDraft extends ResourceKey {
  /** The document as text: the store does not read it. */
  readonly content: string;
  /** Who writes this object: empty for REST, else a source such as `directory:policies/cart.yaml`. */
  readonly owner: string;
}

export interface StoredResource extends ResourceDraft {
  /** The store revision that wrote it. */
  readonly version: bigint;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface WriteCondition {
  /** Compare and set: a version, or `absent` for create only. Without it the last writer wins. */
  readonly ifVersion?: bigint | 'absent' | undefined;
}

export type ResourceChange =
  | { readonly put: ResourceDraft; readonly ifVersion?: bigint | 'absent' | undefined }
  | { readonly delete: ResourceKey; readonly ifVersion?: bigint | undefined };

export interface ResourcesChanged {
  readonly revision: bigint;
  readonly changes: readonly ResourceChange[];
}

export interface ResourceStore {
  get(kind: string, namespace: string, name: string): Promise<StoredResource | undefined>;
  /** By namespace, then name; every kind when `kind` is left out. */
  list(kind?: string): Promise<readonly StoredResource[]>;
  /** Throws RESOURCE_VERSION_CONFLICT when the condition does not hold. */
  put(draft: ResourceDraft, condition: WriteCondition, audit: AuditEvent): Promise<StoredResource>;
  /** False when there was nothing to delete (with `ifVersion`: RESOURCE_VERSION_CONFLICT). */
  delete(
    key: ResourceKey,
    condition: { readonly ifVersion?: bigint | undefined },
    audit: AuditEvent,
  ): Promise<boolean>;
  /** All or nothing, one new revision: for a directory or a many-document `apply`. */
  write(changes: readonly ResourceChange[], audits: readonly AuditEvent[]): Promise<bigint>;
  /** Grows by one with every committed write; survives restarts and restores. */
  revision(): bigint;
  /** Called in order after each commit, with `revision()` already moved on. */
  watch(listener: (changed: ResourcesChanged) => void): Disposable;
}

/** Who only follows what is stored: the policy feed, wherever it runs. */
export type ResourceReader = Pick<ResourceStore, 'get' | 'list' | 'revision' | 'watch'>;
