import type { Clock } from '../../base/clock.ts';
import { Coalescer } from '../../base/waiting.ts';
import type { KeySetFetcher } from '../../jwt/index.ts';
import { type KeySetPlace, keySetName } from '../policy-snapshot/index.ts';

/** A document as it was fetched, for those who do not fetch themselves. */
export interface RelayedKeySet {
  readonly name: string;
  readonly text: string;
  /** Wall time, ms. */
  readonly fetchedAt: number;
}

interface Kept {
  readonly place: KeySetPlace;
  readonly fetcher: KeySetFetcher;
  attemptedAt: number;
  good: RelayedKeySet | undefined;
  problem: unknown;
}

/** No two fetches of one place are closer than this, however many processes ask (T13). */
const cooldownMs = 30_000;
const mostPlaces = 4_096;

/** Fetches for several: each place on its own, asked together by whoever asks at once, and not again for a while. */
export class KeySetRelay {
  readonly #fetcherFor: (place: KeySetPlace) => KeySetFetcher;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Coalescer<void>();
  readonly #listeners = new Set<() => void>();

  constructor(fetcherFor: (place: KeySetPlace) => KeySetFetcher, clock: Clock) {
    this.#fetcherFor = fetcherFor;
    this.#clock = clock;
  }

  fetcherFor(place: KeySetPlace): KeySetFetcher {
    return { fetch: (signal) => this.fetch(place, signal) };
  }

  /** The text; what was just fetched, or failed, is not fetched again. */
  async fetch(place: KeySetPlace, signal: AbortSignal): Promise<string> {
    const name = keySetName(place);
    const kept = this.#keep(name, place);
    const now = this.#clock.bootTime();
    if (now - kept.attemptedAt >= cooldownMs || this.#running.running > 0)
      await this.#running.run(name, () => this.#fetch(name, kept), signal);
    if (kept.problem !== undefined) throw kept.problem;
    if (kept.good === undefined) throw new Error('the key set was not fetched yet');
    return kept.good.text;
  }

  /** The last good text of each of these places. */
  documents(places: readonly KeySetPlace[]): readonly RelayedKeySet[] {
    return places
      .map((place) => this.#kept.get(keySetName(place))?.good)
      .filter((good) => good !== undefined);
  }

  /** Called when a text changed. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async #fetch(name: string, kept: Kept): Promise<void> {
    kept.attemptedAt = this.#clock.bootTime();
    try {
      const text = await kept.fetcher.fetch(AbortSignal.timeout(longestFetchMs));
      const isNew = kept.good?.text !== text;
      kept.good = { name, text, fetchedAt: this.#clock.now() };
      kept.problem = undefined;
      if (isNew) for (const listener of this.#listeners) listener();
    } catch (error) {
      kept.problem = error;
    }
  }

  #keep(name: string, place: KeySetPlace): Kept {
    let kept = this.#kept.get(name);
    if (kept === undefined) {
      if (this.#kept.size >= mostPlaces) this.#kept.clear();
      const attemptedAt = Number.NEGATIVE_INFINITY;
      kept = { place, fetcher: this.#fetcherFor(place), attemptedAt, good: undefined, problem: undefined };
      this.#kept.set(name, kept);
    }
    return kept;
  }
}

const longestFetchMs = 10_000;
