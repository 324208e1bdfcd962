import { sdsErrors } from './errors.ts';
import type { Secret } from './secret.ts';

/** More than any workload has; what comes after is a mistake or an attack. */
export const maxNames = 1_000;
const maxNameLength = 4_096;

/** Throws SDS_TOO_MANY_NAMES. */
export function checkNames(names: Iterable<string>, have = 0): void {
  let count = have;
  for (const name of names) {
    count++;
    if (count > maxNames || name.length > maxNameLength)
      throw sdsErrors.SDS_TOO_MANY_NAMES({
        message: `the request names more than ${maxNames} secrets, or one with a name of more than ${maxNameLength} bytes`,
      });
  }
}

/** What one stream was sent and what it said to it. */
export class SentSecrets {
  readonly #sent = new Map<string, string>();
  readonly #refused = new Map<string, string>();
  #last: readonly Secret[] = [];
  #nonces = 0;
  #nonce = '';

  /** The nonce of the response that was sent last; empty before the first. */
  get nonce(): string {
    return this.#nonce;
  }

  /** True when this version was not sent yet, nor refused: one that was refused is not sent in a loop. */
  isNews({ name, version }: Secret): boolean {
    return this.#sent.get(name) !== version && this.#refused.get(name) !== version;
  }

  has(name: string): boolean {
    return this.#sent.has(name);
  }

  names(): IterableIterator<string> {
    return this.#sent.keys();
  }

  forget(name: string): void {
    this.#sent.delete(name);
    this.#refused.delete(name);
  }

  forgetAll(): void {
    this.#sent.clear();
    this.#refused.clear();
  }

  /** Notes a response and gives its nonce. */
  note(secrets: readonly Secret[]): string {
    for (const { name, version } of secrets) this.#sent.set(name, version);
    this.#last = secrets;
    this.#nonce = String(++this.#nonces);
    return this.#nonce;
  }

  /** The last response was refused as a whole. */
  refuse(): readonly Secret[] {
    for (const { name, version } of this.#last) this.#refused.set(name, version);
    return this.#last;
  }
}
