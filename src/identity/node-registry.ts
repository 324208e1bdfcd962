import { type SpiffeId, workloadAccount } from '../spiffe/index.ts';
import type { Registration } from './registration.ts';

/** One running instance of a workload: a pod, or a process on a machine. */
export interface Instance {
  readonly uid: string;
  readonly node: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The pod's name, where the source knows it. */
  readonly name?: string;
}

export interface Account {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Who runs where. `RegistrationIndex` is one; Kubernetes is another. */
export interface NodeRegistry {
  findInstance(clusterId: string, uid: string): Instance | undefined;
  /** The nodes on which an account has an instance. */
  nodesOf(clusterId: string, account: Account): ReadonlySet<string>;
  /** True when `id` is registered under `parent`, directly or through registrations in between. */
  isRegisteredUnder(parent: SpiffeId, id: SpiffeId): boolean;
}

/** The registry as the registrations of one moment say it. Build a new one when they change. */
export class RegistrationIndex implements NodeRegistry {
  readonly #clusterId: string;
  readonly #instances = new Map<string, Instance>();
  readonly #nodes = new Map<string, Set<string>>();
  readonly #children = new Map<string, Set<string>>();
  readonly #aliasesOf: (parent: string) => readonly string[];

  /** `aliasesOf` gives the further names under which a parent's registrations stand. */
  constructor(
    clusterId: string,
    registrations: Iterable<Registration>,
    aliasesOf: (parent: string) => readonly string[] = () => [],
  ) {
    this.#clusterId = clusterId;
    this.#aliasesOf = aliasesOf;
    const seen = new Set<string>();
    for (const registration of registrations) {
      this.#addChild(registration);
      const account = workloadAccount(registration.spiffeId);
      const { node, instanceUid: uid } = registration;
      if (account === undefined || node === undefined) continue;
      add(this.#nodes, key(account), node);
      if (uid === undefined) continue;
      // Two registrations that claim one instance contradict each other: neither counts.
      if (seen.has(uid)) this.#instances.delete(uid);
      else this.#instances.set(uid, { uid, node, ...account });
      seen.add(uid);
    }
  }

  findInstance(clusterId: string, uid: string): Instance | undefined {
    return clusterId === this.#clusterId ? this.#instances.get(uid) : undefined;
  }

  nodesOf(clusterId: string, account: Account): ReadonlySet<string> {
    return (clusterId === this.#clusterId ? this.#nodes.get(key(account)) : undefined) ?? new Set();
  }

  isRegisteredUnder(parent: SpiffeId, id: SpiffeId): boolean {
    const visited = new Set<string>();
    const toVisit = [parent.uri, ...this.#aliasesOf(parent.uri)];
    for (let uri = toVisit.pop(); uri !== undefined; uri = toVisit.pop()) {
      for (const child of this.#children.get(uri) ?? []) {
        if (child === id.uri) return true;
        if (visited.has(child)) continue;
        visited.add(child);
        toVisit.push(child);
      }
    }
    return false;
  }

  #addChild({ parentId, spiffeId }: Registration): void {
    if (parentId !== undefined) add(this.#children, parentId.uri, spiffeId.uri);
  }
}

function key(account: Account): string {
  return `${account.namespace}/${account.serviceAccount}`;
}

function add(map: Map<string, Set<string>>, name: string, value: string): void {
  const values = map.get(name);
  if (values === undefined) map.set(name, new Set([value]));
  else values.add(value);
}
