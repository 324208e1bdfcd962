import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DiscoveryRequest,
  DiscoveryResponseSchema,
} from '../../wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import { type EnvoyNode, readEnvoyNode, unknownNode } from './envoy-node.ts';
import { sdsErrors } from './errors.ts';
import { type Secret, secretTypeUrl } from './secret.ts';
import { istioWords, type SecretWords } from './secret-name.ts';
import { type Available, everyName, findSecret } from './secret-source.ts';
import { checkNames, SentSecrets } from './subscription.ts';

/** A response that was refused: for log and metric. */
export interface Nack {
  readonly node: EnvoyNode;
  readonly names: readonly string[];
  readonly detail: string;
}

export type StateOfTheWorldAnswer = MessageInitShape<typeof DiscoveryResponseSchema>;

/** One stream of `StreamSecrets`: which names it wants, and what it has not been told yet (proxies.md §2.2). */
export class StateOfTheWorld {
  readonly #onNack: (nack: Nack) => void;
  readonly #words: SecretWords;
  readonly #sent = new SentSecrets();
  #node = unknownNode;
  #generation = 0;
  /** Undefined: everything, as a first request without names says. */
  #names: ReadonlySet<string> | undefined = new Set();
  #hasNamed = false;
  #hasAsked = false;
  /** Asked for since the last response: sent even if they were sent before. */
  readonly #due = new Set<string>();

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
  receive(request: DiscoveryRequest): void {
    if (request.node !== undefined && !this.#hasAsked) this.#node = readEnvoyNode(request.node);
    if (request.typeUrl !== '' && request.typeUrl !== secretTypeUrl) throw sdsErrors.SDS_TYPE_UNKNOWN();
    // Said before it saw the last response: it will speak again.
    if (request.responseNonce !== '' && request.responseNonce !== this.#sent.nonce) return;
    checkNames(request.resourceNames);
    this.#hasAsked = true;
    // Only error_detail tells a refusal; versions are not compared.
    if (request.errorDetail !== undefined) {
      const names = this.#sent.refuse().map(({ name }) => name);
      this.#onNack({ node: this.#node, names, detail: request.errorDetail.message.slice(0, 512) });
    }
    this.#subscribe(request.resourceNames);
  }

  /** What is new for this stream, or undefined: a response without resources would say nothing. */
  next(available: Available): StateOfTheWorldAnswer | undefined {
    if (!this.#hasAsked) return undefined;
    const asker = { node: this.#node, words: this.#words };
    const names = this.#names === undefined ? everyName(available, this.#words) : [...this.#names];
    const wanted = names.flatMap((name) => findSecret(name, available, asker) ?? []);
    const news = wanted.filter((secret) => this.#due.has(secret.name) || this.#sent.isNews(secret));
    if (news.length === 0) return undefined;
    for (const { name } of news) this.#due.delete(name);
    return {
      versionInfo: versionOf(wanted, this.#generation),
      resources: news.map(({ resource }) => resource),
      typeUrl: secretTypeUrl,
      nonce: this.#sent.note(news),
    };
  }

  #subscribe(names: readonly string[]): void {
    const before = this.#names;
    if (names.length > 0) this.#hasNamed = true;
    // No names mean everything only before the first name was given.
    this.#names = names.length === 0 && !this.#hasNamed ? undefined : new Set(names);
    for (const name of this.#names ?? []) if (before?.has(name) !== true) this.#due.add(name);
    if (this.#names === undefined) return;
    for (const name of this.#sent.names()) if (!this.#names.has(name)) this.#sent.forget(name);
    for (const name of this.#due) if (!this.#names.has(name)) this.#due.delete(name);
  }
}

function versionOf(secrets: readonly Secret[], generation: number): string {
  const hash = createHash('sha256').update(`${generation}\n`);
  for (const { name, version } of secrets) hash.update(`${name}\n${version}\n`);
  return hash.digest('hex').slice(0, 32);
}
