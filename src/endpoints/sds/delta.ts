import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponseSchema,
} from '../../wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { readEnvoyNode, unknownNode } from './envoy-node.ts';
import { sdsErrors } from './errors.ts';
import { type Secret, secretTypeUrl } from './secret.ts';
import { istioWords, readSecretName, type SecretWords } from './secret-name.ts';
import { type Available, everyName, findSecret } from './secret-source.ts';
import type { Nack } from './state-of-the-world.ts';
import { checkNames, SentSecrets } from './subscription.ts';

export type DeltaAnswer = MessageInitShape<typeof DeltaDiscoveryResponseSchema>;

const wildcard = '*';

/**
 * One stream of `DeltaSecrets`. Versions that the client says it has are not believed to be in use: every name is
 * answered once on each stream, since a new provider for a known name would else wait for ever (proxies.md §2.2).
 */
export class Delta {
  readonly #onNack: (nack: Nack) => void;
  readonly #words: SecretWords;
  readonly #sent = new SentSecrets();
  readonly #names = new Set<string>();
  #node = unknownNode;
  #generation = 0;
  #wantsAll = false;
  #hasAsked = false;
  /** Asked for and not answered yet. */
  readonly #due = new Set<string>();
  /** Told to be not there: so is said once. */
  readonly #saidGone = new Set<string>();

  constructor(onNack: (nack: Nack) => void, words: SecretWords = istioWords) {
    this.#onNack = onNack;
    this.#words = words;
  }

  /** Everything is sent once more: for proxies that took up a secret without asking for it. */
  repeat(): void {
    this.#generation++;
    this.#sent.forgetAll();
  }

  /** Throws SDS_TYPE_UNKNOWN, SDS_TOO_MANY_NAMES. */
  receive(request: DeltaDiscoveryRequest): void {
    if (request.node !== undefined && !this.#hasAsked) this.#node = readEnvoyNode(request.node);
    if (request.typeUrl !== '' && request.typeUrl !== secretTypeUrl) throw sdsErrors.SDS_TYPE_UNKNOWN();
    const { resourceNamesSubscribe: added, resourceNamesUnsubscribe: dropped } = request;
    checkNames(dropped);
    checkNames(new Set(added).difference(this.#names), this.#names.size);
    // A refusal belongs to the response that it names; changes of the subscription count in any case.
    if (request.errorDetail !== undefined && request.responseNonce === this.#sent.nonce) {
      const names = this.#sent.refuse().map(({ name }) => name);
      this.#onNack({ node: this.#node, names, detail: request.errorDetail.message.slice(0, 512) });
    }
    if (!this.#hasAsked && added.length === 0) this.#wantsAll = true;
    this.#hasAsked = true;
    for (const name of dropped) this.#drop(name);
    for (const name of added) this.#add(name);
  }

  next(available: Available): DeltaAnswer | undefined {
    if (!this.#hasAsked) return undefined;
    const asker = { node: this.#node, words: this.#words };
    const wanted = new Map<string, Secret>();
    for (const name of [...this.#names, ...(this.#wantsAll ? everyName(available, this.#words) : [])]) {
      const secret = findSecret(name, available, asker);
      if (secret !== undefined) wanted.set(name, secret);
    }
    const news = [...wanted.values()].filter(
      (secret) => this.#due.has(secret.name) || this.#sent.isNews(secret),
    );
    const gone = this.#gone(wanted, available);
    if (news.length === 0 && gone.length === 0) return undefined;
    const nonce = this.#sent.note(news);
    for (const { name } of news) {
      this.#due.delete(name);
      this.#saidGone.delete(name);
    }
    for (const name of gone) {
      this.#due.delete(name);
      this.#saidGone.add(name);
      this.#sent.forget(name);
    }
    return {
      typeUrl: secretTypeUrl,
      nonce,
      resources: news.map(({ name, version, resource }) => ({
        name,
        version: this.#stamp(version),
        resource,
      })),
      removedResources: gone,
    };
  }

  #add(name: string): void {
    if (name === wildcard) {
      this.#wantsAll = true;
      for (const sent of this.#sent.names()) this.#due.add(sent);
      return;
    }
    this.#names.add(name);
    this.#due.add(name);
    this.#saidGone.delete(name);
  }

  #drop(name: string): void {
    if (name === wildcard) this.#wantsAll = false;
    this.#names.delete(name);
    this.#due.delete(name);
    this.#saidGone.delete(name);
    if (!this.#wantsAll) this.#sent.forget(name);
  }

  /** What was sent and is no more, and what was asked for and means nothing or is not this workload's. */
  #gone(wanted: ReadonlyMap<string, Secret>, available: Available): string[] {
    const gone: string[] = [];
    for (const name of this.#sent.names()) if (!wanted.has(name)) gone.push(name);
    for (const name of this.#due)
      if (
        !wanted.has(name) &&
        !this.#saidGone.has(name) &&
        !this.#sent.has(name) &&
        this.#isMissing(name, available)
      )
        gone.push(name);
    return gone;
  }

  /** A certificate or bundle that may still come is waited for in silence; the rest is said to be missing. */
  #isMissing(name: string, { isComplete }: Available): boolean {
    return isComplete || readSecretName(name, this.#words) === undefined;
  }

  /** A repetition has another version, else it would be passed over. */
  #stamp(version: string): string {
    return this.#generation === 0 ? version : `${version}.${this.#generation}`;
  }
}
