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
  /** When listeners were last told of it. */
  toldAt: number;
  /** Set while somebody waits for the next fetch. */
  wanted: Disposable | undefined;
  good: RelayedKeySet | undefined;
  problem: unknown;
}

/** No two fetches of one place are closer than this, however many processes ask (T13). */
const cooldownMs = 30_000;
const mostPlaces = 4_096;
/** A text that stays the same is told again this often: who only hears of it must know that it is fresh. */
const toldAgainMs = 6 * 3_600_000;

/** Fetches for several: each place on its own, asked together by whoever asks at once, and not again for a while. */
export class KeySetRelay implements Disposable {
  readonly #fetcherFor: (place: KeySetPlace) => KeySetFetcher;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Coalescer<void>();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();

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
    if (now - kept.attemptedAt >= cooldownMs || this.#running.isRunning(name))
      await this.#running.run(name, () => this.#fetch(name, kept), signal);
    if (kept.problem !== undefined) throw kept.problem;
    if (kept.good === undefined) throw new Error('the key set was not fetched yet');
    return kept.good.text;
  }

  /** It is fetched again as soon as the last fetch is long enough ago, once however many want it. */
  want(place: KeySetPlace): void {
    const name = keySetName(place);
    const kept = this.#keep(name, place);
    if (kept.wanted !== undefined || this.#running.isRunning(name)) return;
    const waitMs = Math.max(0, kept.attemptedAt + cooldownMs - this.#clock.bootTime());
    kept.wanted = this.#clock.schedule(waitMs, () => {
      kept.wanted = undefined;
      void this.#running
        .run(name, () => this.#fetch(name, kept), this.#closing.signal)
        .catch(() => undefined);
    });
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#forgetAll();
    this.#listeners.clear();
  }

  /** The last good text of each of these places. */
  documents(places: readonly KeySetPlace[]): readonly RelayedKeySet[] {
    return places
      .map((place) => this.#kept.get(keySetName(place))?.good)
      .filter((good) => good !== undefined);
  }

  /** Called when a text changed, or was found the same for long. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async #fetch(name: string, kept: Kept): Promise<void> {
    kept.attemptedAt = this.#clock.bootTime();
    try {
      const text = await kept.fetcher.fetch(AbortSignal.timeout(longestFetchMs));
      const isNew = kept.good?.text !== text || kept.attemptedAt - kept.toldAt >= toldAgainMs;
      kept.good = { name, text, fetchedAt: this.#clock.now() };
      kept.problem = undefined;
      if (!isNew) return;
      kept.toldAt = kept.attemptedAt;
      for (const listener of this.#listeners) listener();
    } catch (error) {
      kept.problem = error;
    }
  }

  #keep(name: string, place: KeySetPlace): Kept {
    let kept = this.#kept.get(name);
    if (kept === undefined) {
      if (this.#kept.size >= mostPlaces) this.#forgetAll();
      kept = {
        place,
        fetcher: this.#fetcherFor(place),
        attemptedAt: Number.NEGATIVE_INFINITY,
        toldAt: Number.NEGATIVE_INFINITY,
        wanted: undefined,
        good: undefined,
        problem: undefined,
      };
      this.#kept.set(name, kept);
    }
    return kept;
  }

  #forgetAll(): void {
    for (const { wanted } of this.#kept.values()) wanted?.[Symbol.dispose]();
    this.#kept.clear();
  }
}

const longestFetchMs = 10_000;
