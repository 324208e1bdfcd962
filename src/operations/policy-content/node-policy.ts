import { hash } from 'node:crypto';
import type { Logger } from '../../base/logger.ts';
import { keySetName, type PolicyFeed, type RequestKeys } from '../policy-snapshot/index.ts';
import type { ResourceKey, ResourceReader } from '../ports/index.ts';
import { type NodeDecisionSettings, writeNodeContent, writeResource } from './node-content.ts';
import type { KeySetRelay } from './relayed-key-sets.ts';

export interface NodePolicyParts {
  readonly store: ResourceReader;
  readonly feed: PolicyFeed;
  readonly keys: RequestKeys;
  readonly relay: KeySetRelay;
  readonly settings: NodeDecisionSettings;
  readonly logger: Logger;
}

export interface NodePolicyContent {
  /** `<store revision>-<digest>` */
  readonly revision: string;
  readonly contentJson: Uint8Array;
}

/** The store revision that a node's policy revision tells; undefined for text of another shape. */
export function storeRevisionOf(policyRevision: string): bigint | undefined {
  const number = /^(\d{1,18})-/.exec(policyRevision)?.[1];
  return number === undefined ? undefined : BigInt(number);
}

/** What nodes decide by: only what this server itself compiled, as one text that is the same for all of them. */
export class NodePolicy implements Disposable {
  readonly #parts: NodePolicyParts;
  readonly #texts = new Map<string, string>();
  readonly #dirty = new Map<string, ResourceKey>();
  readonly #listeners = new Set<() => void>();
  readonly #subscriptions: Disposable[];
  #current: NodePolicyContent | undefined;
  #storeRevision = -1n;
  #snapshotRevision: string | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: NodePolicyParts) {
    this.#parts = parts;
    this.#subscriptions = [
      parts.store.watch(({ changes }) => {
        for (const change of changes) {
          const { kind, namespace, name } = 'put' in change ? change.put : change.delete;
          this.#dirty.set(keyOf({ kind, namespace, name }), { kind, namespace, name });
        }
      }),
      parts.feed.onChange(() => this.#refresh()),
      parts.relay.watch(() => this.#changed()),
    ];
  }

  static async open(parts: NodePolicyParts): Promise<NodePolicy> {
    const policy = new NodePolicy(parts);
    for (const stored of await parts.store.list()) policy.#texts.set(keyOf(stored), writeResource(stored));
    policy.#take(parts.store.revision());
    return policy;
  }

  current(): NodePolicyContent | undefined {
    if (this.#snapshotRevision === undefined) return undefined;
    this.#current ??= this.#build(this.#snapshotRevision);
    return this.#current;
  }

  /** A node asks that these are fetched again; names that no policy in force names are passed over. */
  want(keySets: readonly string[]): void {
    const wanted = new Set(keySets);
    for (const place of this.#parts.keys.places())
      if (wanted.has(keySetName(place))) this.#parts.relay.want(place);
  }

  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #changed(): void {
    this.#current = undefined;
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    for (const one of this.#subscriptions) one[Symbol.dispose]();
    this.#listeners.clear();
  }

  #refresh(): void {
    const work = async () => {
      const keys = [...this.#dirty];
      this.#dirty.clear();
      const revision = this.#parts.store.revision();
      for (const [key, { kind, namespace, name }] of keys) {
        const stored = await this.#parts.store.get(kind, namespace, name);
        if (stored === undefined) this.#texts.delete(key);
        else this.#texts.set(key, writeResource(stored));
      }
      this.#take(revision);
    };
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#parts.logger.error('the policy for nodes could not be made', { error: String(error) });
    });
  }

  #take(revision: bigint): void {
    const { storeRevision, revision: snapshot, problem } = this.#parts.feed.status();
    // What does not compile here is not sent: nodes keep what they have.
    if (problem !== undefined || storeRevision === undefined || storeRevision < revision) return;
    this.#storeRevision = revision;
    this.#snapshotRevision = snapshot;
    this.#changed();
  }

  #build(snapshotRevision: string): NodePolicyContent {
    const { settings, keys, relay } = this.#parts;
    const text = writeNodeContent(
      {
        storeRevision: this.#storeRevision,
        snapshotRevision,
        settings,
        keySets: relay.documents(keys.places()),
      },
      [...this.#texts.values()],
    );
    const contentJson = new TextEncoder().encode(text);
    const digest = hash('sha256', contentJson, 'hex').slice(0, 16);
    return { revision: `${this.#storeRevision}-${digest}`, contentJson };
  }
}

function keyOf({ kind, namespace, name }: ResourceKey): string {
  return JSON.stringify([kind, namespace, name]);
}
