import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import {
  mayBeRegistered,
  type NodeRegistry,
  type Registration,
  RegistrationIndex,
} from '../identity/index.ts';
import {
  type AnyResource,
  hasErrors,
  type IdentityRegistration,
  parseResources,
} from '../resources/index.ts';
import { formatSelector, serverId, type TrustDomain } from '../spiffe/index.ts';
import type { NodeStore, ResourceStore, StoredResource } from './ports/index.ts';

/** The registrations as they are at one moment. */
export interface RegistrationView {
  readonly registry: NodeRegistry;
  isRegistered(spiffeId: string): boolean;
  /** DNS names that certificates of this identity may carry when they are asked for (C21). */
  dnsNamesOf(spiffeId: string): readonly string[];
  /** What is registered under a parent, directly or through registrations in between, by name. */
  under(parentId: string): readonly Registration[];
  /** When the first of them ends; Infinity when none does. */
  readonly until: number;
}

export interface RegistrationsDeps {
  readonly resources: ResourceStore;
  readonly nodes: Pick<NodeStore, 'find'>;
  readonly clusterId: string;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly logger: Logger;
}

const kind = 'IdentityRegistration';

/** Follows the `IdentityRegistration` resources: every write is seen by the next request. */
export class Registrations implements Disposable {
  readonly #deps: RegistrationsDeps;
  readonly #byName = new Map<string, IdentityRegistration>();
  readonly #listeners = new Set<() => void>();
  #subscription: Disposable | undefined;
  #view: RegistrationView | undefined;

  private constructor(deps: RegistrationsDeps) {
    this.#deps = deps;
  }

  static async open(deps: RegistrationsDeps): Promise<Registrations> {
    const registrations = new Registrations(deps);
    // Subscribed first: a write between the two is seen twice rather than never.
    registrations.#subscription = deps.resources.watch(({ changes }) => {
      for (const change of changes)
        if ('put' in change) registrations.#put(change.put);
        else registrations.#remove(change.delete);
      if (changes.some((change) => ('put' in change ? change.put : change.delete).kind === kind))
        for (const listener of registrations.#listeners) listener();
    });
    for (const stored of await deps.resources.list(kind)) registrations.#put(stored);
    return registrations;
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
  }

  /** Built anew after a change or when a registration has ended. */
  current(): RegistrationView {
    const now = this.#deps.clock.now();
    if (this.#view === undefined || now >= this.#view.until) this.#view = this.#build(now);
    return this.#view;
  }

  /** Called after each write of registrations, with `current()` already moved on. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #put(draft: Pick<StoredResource, 'kind' | 'namespace' | 'name' | 'content'>): void {
    if (draft.kind !== kind) return;
    const { resources, findings } = parseResources(draft.content, { file: `${kind}/${draft.name}` });
    const found = resources.find(isRegistration);
    if (found === undefined || hasErrors(findings)) {
      // It was judged when it was applied; if it reads no longer, it grants nothing.
      this.#deps.logger.error('a registration cannot be read and does not count', { name: draft.name });
      this.#remove(draft);
      return;
    }
    this.#byName.set(keyOf(draft), found);
    this.#view = undefined;
  }

  #remove(draft: Pick<StoredResource, 'kind' | 'namespace' | 'name'>): void {
    if (draft.kind !== kind) return;
    this.#byName.delete(keyOf(draft));
    this.#view = undefined;
  }

  #build(now: number): RegistrationView {
    const { clusterId, trustDomain } = this.#deps;
    const live: Registration[] = [];
    let until = Number.POSITIVE_INFINITY;
    for (const resource of this.#byName.values()) {
      const { expiresAt, spiffeId } = resource.spec;
      if (expiresAt !== undefined && now >= expiresAt) continue;
      if (!mayBeRegistered(spiffeId, trustDomain)) continue;
      until = Math.min(until, expiresAt ?? until);
      live.push(toRegistration(resource));
    }
    const ids = new Set(live.map(({ spiffeId }) => spiffeId.uri));
    const byParent = Map.groupBy(live, ({ parentId }) => parentId?.uri);
    const aliasesOf = nodeAliases(this.#deps.nodes, byParent.get(serverId(trustDomain).uri) ?? []);
    return {
      registry: new RegistrationIndex(clusterId, live, aliasesOf),
      isRegistered: (id) => ids.has(id),
      dnsNamesOf: (id) =>
        live.filter(({ spiffeId }) => spiffeId.uri === id).flatMap(({ dnsNames }) => dnsNames),
      under: (parentId) => collectUnder([parentId, ...aliasesOf(parentId)], byParent),
      until,
    };
  }
}

/**
 * A registration whose parent is the server names nodes: every attested node that shows its selectors has this name
 * beside its own. It is nobody's identity, so it is under no node itself. Nodes are asked at each look.
 */
function nodeAliases(
  nodes: Pick<NodeStore, 'find'>,
  registrations: readonly Registration[],
): (nodeId: string) => readonly string[] {
  const wanted = registrations
    .filter(({ selectors }) => selectors.length > 0)
    .map(({ spiffeId, selectors }) => ({ uri: spiffeId.uri, selectors: selectors.map(formatSelector) }));
  return (nodeId) => {
    if (wanted.length === 0) return [];
    const node = nodes.find(nodeId);
    if (node?.state !== 'attested') return [];
    const shown = new Set(node.selectors);
    return wanted
      .filter(({ selectors }) => selectors.every((selector) => shown.has(selector)))
      .map(({ uri }) => uri);
  };
}

function collectUnder(
  parents: readonly string[],
  byParent: ReadonlyMap<string | undefined, readonly Registration[]>,
): readonly Registration[] {
  const visited = new Set(parents);
  const toVisit = [...parents];
  const found: Registration[] = [];
  for (let uri = toVisit.pop(); uri !== undefined; uri = toVisit.pop())
    for (const registration of byParent.get(uri) ?? []) {
      found.push(registration);
      const { uri: child } = registration.spiffeId;
      if (visited.has(child)) continue;
      visited.add(child);
      toVisit.push(child);
    }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const isRegistration = (resource: AnyResource): resource is IdentityRegistration => resource.kind === kind;

const keyOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;

function toRegistration({ metadata, spec }: IdentityRegistration): Registration {
  const { parentId, x509TtlSeconds, jwtTtlSeconds, hint, node, instanceUid } = spec;
  return {
    name: keyOf(metadata),
    spiffeId: spec.spiffeId,
    selectors: spec.selectors,
    federatesWith: spec.federatesWith,
    dnsNames: spec.dnsNames,
    ...(parentId === undefined ? {} : { parentId }),
    ...(x509TtlSeconds === undefined ? {} : { x509SvidTtlSeconds: x509TtlSeconds }),
    ...(jwtTtlSeconds === undefined ? {} : { jwtSvidTtlSeconds: jwtTtlSeconds }),
    ...(hint === undefined ? {} : { hint }),
    ...(node === undefined ? {} : { node }),
    ...(instanceUid === undefined ? {} : { instanceUid }),
  };
}
