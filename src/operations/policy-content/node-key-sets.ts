import type { Clock } from '../../base/clock.ts';
import { abortable } from '../../base/waiting.ts';
import type { KeySetFetcher } from '../../jwt/index.ts';
import { type KeySetPlace, keySetName } from '../policy-snapshot/index.ts';
import type { RelayedKeySet } from './relayed-key-sets.ts';

export interface NodeKeySetsOptions {
  readonly clock: Clock;
  /** G6: what the server could not refresh for so long is none. */
  readonly keptMs: number;
  /** Asks the server to fetch that key set again; false when it cannot be asked now. */
  readonly want: (name: string) => boolean;
}

/** A check waits no longer for keys that the server is to fetch; it may have nothing new. */
const longestWaitMs = 2_000;
const mostWaitedFor = 64;

/** The key sets of a node: the server fetches and tells them; here they are handed to whoever keeps them parsed. */
export class NodeKeySets {
  readonly #options: NodeKeySetsOptions;
  readonly #waiting = new Map<string, { readonly told: Promise<void>; readonly end: () => void }>();
  readonly #given = new Map<string, number>();
  #told = new Map<string, RelayedKeySet>();

  constructor(options: NodeKeySetsOptions) {
    this.#options = options;
  }

  /** What the server tells now, whole. */
  replace(keySets: readonly RelayedKeySet[]): void {
    this.#told = new Map(keySets.map((one) => [one.name, one]));
    for (const name of this.#given.keys()) if (!this.#told.has(name)) this.#given.delete(name);
    for (const [name, { end }] of this.#waiting) if (this.#hasNewer(name)) end();
  }

  fetcherFor(place: KeySetPlace): KeySetFetcher {
    const name = keySetName(place);
    return {
      fetch: async (signal, why) => {
        if (why === 'kid' && !this.#hasNewer(name)) await this.#toldAnew(name, signal);
        return this.#give(name);
      },
    };
  }

  /** Newer than what was given out. */
  #hasNewer(name: string): boolean {
    return this.#told.get(name)?.fetchedAt !== this.#given.get(name);
  }

  #give(name: string): string {
    const found = this.#told.get(name);
    if (found === undefined) throw new Error('the server has not told its keys');
    if (this.#options.clock.now() - found.fetchedAt > this.#options.keptMs)
      throw new Error('its keys are too old');
    this.#given.set(name, found.fetchedAt);
    return found.text;
  }

  /** Resolves when the server told newer keys, or will not be waited for. */
  async #toldAnew(name: string, signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(name) ?? this.#ask(name);
    if (waiting !== undefined) await abortable(waiting.told, signal);
  }

  #ask(name: string): { readonly told: Promise<void> } | undefined {
    if (this.#waiting.size >= mostWaitedFor || !this.#options.want(name)) return undefined;
    const { promise: told, resolve } = Promise.withResolvers<void>();
    const end = () => {
      timer[Symbol.dispose]();
      this.#waiting.delete(name);
      resolve();
    };
    const timer = this.#options.clock.schedule(longestWaitMs, end);
    this.#waiting.set(name, { told, end });
    return { told };
  }
}
