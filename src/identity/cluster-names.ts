/** What clusters are called, settled once for every authenticator and the impersonation rules (csr-api.md §2.3). */
export interface ClusterNames {
  readonly ownId: string;
  /** Alias to ID. */
  readonly aliases: ReadonlyMap<string, string>;
  /** Further clusters whose tokens we can judge. */
  readonly remoteIds: ReadonlySet<string>;
}

export function clusterNames(options: {
  readonly ownId: string;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly remoteIds?: readonly string[];
}): ClusterNames {
  const remoteIds = new Set(options.remoteIds);
  const aliases = new Map(Object.entries(options.aliases ?? {}));
  return Object.freeze({ ownId: options.ownId, aliases, remoteIds });
}

/**
 * The cluster that `clusterid` names: our own when it is absent, empty or said twice (A5, A6); undefined when we know no
 * such cluster (A4).
 */
export function resolveClusterId(names: ClusterNames, values: readonly string[]): string | undefined {
  const raw = values.length === 1 ? (values[0] ?? '').trim() : '';
  if (raw === '' || raw === names.ownId) return names.ownId;
  if (names.remoteIds.has(raw)) return raw;
  const target = names.aliases.get(raw);
  return target === names.ownId || (target !== undefined && names.remoteIds.has(target)) ? target : undefined;
}
