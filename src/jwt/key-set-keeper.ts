import type { Clock } from '../base/clock.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import { Coalescer, withDeadline } from '../base/waiting.ts';
import { type KeySet, type KeySetRules, parseKeySet } from './key-set.ts';

/** Brings the text of a JWKS document from wherever it is. Throws when it cannot. */
export interface KeySetFetcher {
  fetch(signal: AbortSignal, why?: FetchReason): Promise<string>;
}

/** `kid`: a token names a key that the last text lacks. */
export type FetchReason = 'due' | 'kid';

export type KidRefresh =
  | { readonly outcome: 'found'; readonly keys: KeySet }
  /** The issuer was asked, now or a moment ago, and has no such key. */
  | { readonly outcome: 'absent' }
  /** The issuer could not be asked. */
  | { readonly outcome: 'failed' };

/** Where a verifier gets an issuer's keys. */
export interface KeySetSource {
  /** The last good keys unless they are too old (G6); undefined when there are none. */
  current(): KeySet | undefined;
  /** As `current`, but asks the issuer first when there are none yet. */
  load(signal: AbortSignal): Promise<KeySet | undefined>;
  /** Asks the issuer again because a token names a key that we lack; bounded however many ask (T13). */
  refreshForKid(kid: string, signal: AbortSignal): Promise<KidRefresh>;
}

export interface KeySetKeeperOptions {
  /** For the log: the issuer or file. */
  readonly name: string;
  readonly fetcher: KeySetFetcher;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly rules?: KeySetRules;
  readonly refreshMs?: number;
  /** No two fetches are closer than this, whatever asks for them. */
  readonly cooldownMs?: number;
  /** The same for unknown kids, which then count apart: where only they make somebody ask the issuer. */
  readonly kidCooldownMs?: number;
  readonly maxStaleMs?: number;
  /** How long a kid that the issuer lacks is not asked for again. */
  readonly absentKidMs?: number;
  /** One fetch takes no longer. */
  readonly timeoutMs?: number;
}

export interface KeySetStatus {
  readonly name: string;
  readonly revision: string | undefined;
  /** Milliseconds since the last good fetch. */
  readonly ageMs: number | undefined;
  readonly usable: boolean;
  readonly lastError: string | undefined;
  readonly fetches: number;
}

const defaults = {
  refreshMs: 10 * 60_000,
  cooldownMs: 30_000,
  maxStaleMs: 24 * 3_600_000,
  absentKidMs: 2 * 60_000,
  timeoutMs: 5_000,
} as const;
const maxAbsentKids = 1000;
const longestKid = 1024;
const longestRetryMs = 60 * 60_000;

/**
 * Keeps one issuer's keys: refreshed on schedule and for unknown kids, the last good ones kept while the issuer is away
 * or talks nonsense, none invented ever (G6, T14, T15). Ages count in boot time, so a wall clock that jumps changes none.
 */
export class KeySetKeeper implements KeySetSource, Disposable {
  readonly #options: Required<Omit<KeySetKeeperOptions, 'logger' | 'rules' | 'kidCooldownMs'>>;
  readonly #kidCooldownMs: number | undefined;
  readonly #rules: KeySetRules;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #fetching = new Coalescer<void>();
  readonly #absentKids = new Map<string, number>();
  #good: { readonly keys: KeySet; readonly at: number } | undefined;
  #lastAttemptAt: number | undefined;
  #lastForKidAt: number | undefined;
  #lastError: string | undefined;
  #failures = 0;
  #fetches = 0;
  #timer: Disposable | undefined;

  constructor(options: KeySetKeeperOptions) {
    this.#options = { ...defaults, ...options };
    this.#kidCooldownMs = options.kidCooldownMs;
    this.#rules = options.rules ?? { source: 'remote' };
    this.#logger = options.logger ?? silentLogger;
  }

  /** Begins the schedule; the first fetch is at once. Resolves when that ended, well or not. */
  async start(): Promise<void> {
    await this.#attempt(this.#closing.signal);
  }

  current(): KeySet | undefined {
    if (this.#good === undefined || this.#now() - this.#good.at > this.#options.maxStaleMs) return undefined;
    return this.#good.keys;
  }

  async load(signal: AbortSignal): Promise<KeySet | undefined> {
    if (this.current() === undefined) await this.#attempt(signal);
    return this.current();
  }

  async refreshForKid(kid: string, signal: AbortSignal): Promise<KidRefresh> {
    const before = this.#find(kid);
    if (before !== undefined) return { outcome: 'found', keys: before };
    if (kid.length > longestKid || this.#isKnownAbsent(kid)) return { outcome: 'absent' };
    const asked = await this.#attempt(signal, 'kid');
    const keys = this.#find(kid);
    if (keys !== undefined) return { outcome: 'found', keys };
    if (this.#lastError !== undefined) return { outcome: 'failed' };
    if (asked) this.#rememberAbsent(kid);
    return { outcome: 'absent' };
  }

  status(): KeySetStatus {
    return {
      name: this.#options.name,
      revision: this.#good?.keys.revision,
      ageMs: this.#good === undefined ? undefined : this.#now() - this.#good.at,
      usable: this.current() !== undefined,
      lastError: this.#lastError,
      fetches: this.#fetches,
    };
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#closing.abort();
  }

  /** Fetches unless that was done a moment ago; all who ask at once share the one. True when it was done. */
  async #attempt(signal: AbortSignal, why: FetchReason = 'due'): Promise<boolean> {
    if (!this.#isCool(why) && this.#fetching.running === 0) return false;
    await this.#fetching.run('fetch', () => this.#fetch(why), signal);
    return true;
  }

  #isCool(why: FetchReason): boolean {
    const isApart = why === 'kid' && this.#kidCooldownMs !== undefined;
    const last = isApart ? this.#lastForKidAt : this.#lastAttemptAt;
    const cooldownMs = isApart ? this.#kidCooldownMs : this.#options.cooldownMs;
    return last === undefined || this.#now() - last >= cooldownMs;
  }

  async #fetch(why: FetchReason): Promise<void> {
    this.#lastAttemptAt = this.#now();
    if (why === 'kid') this.#lastForKidAt = this.#lastAttemptAt;
    this.#fetches++;
    try {
      const keys = parseKeySet(await this.#fetchText(why), this.#rules);
      if (keys.revision !== this.#good?.keys.revision) this.#absentKids.clear();
      this.#good = {
        keys: keys.revision === this.#good?.keys.revision ? this.#good.keys : keys,
        at: this.#now(),
      };
      this.#failures = 0;
      this.#lastError = undefined;
    } catch (error) {
      this.#failures++;
      this.#lastError = error instanceof Error ? error.message : String(error);
      const kept = this.#good === undefined ? 'none' : 'last good';
      if (!this.#closing.signal.aborted)
        this.#logger.warn('key set not refreshed', {
          issuer: this.#options.name,
          error: this.#lastError,
          kept,
        });
    }
    this.#scheduleNext();
  }

  #fetchText(why: FetchReason): Promise<string> {
    const { clock, timeoutMs, fetcher } = this.#options;
    return withDeadline(clock, timeoutMs, this.#closing.signal, (signal) => fetcher.fetch(signal, why));
  }

  #scheduleNext(): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#closing.signal.aborted) return;
    const { clock, refreshMs, cooldownMs } = this.#options;
    const backOff = Math.min(cooldownMs * 2 ** Math.min(this.#failures - 1, 20), longestRetryMs);
    const delay = Math.max(cooldownMs, this.#failures === 0 ? refreshMs : backOff);
    this.#timer = clock.schedule(
      delay,
      () => void this.#attempt(this.#closing.signal).catch(() => undefined),
    );
  }

  #find(kid: string): KeySet | undefined {
    const keys = this.current();
    return keys?.keys.some((key) => key.kid === kid) === true ? keys : undefined;
  }

  #isKnownAbsent(kid: string): boolean {
    const until = this.#absentKids.get(kid);
    if (until !== undefined && until > this.#now()) return true;
    this.#absentKids.delete(kid);
    return false;
  }

  #rememberAbsent(kid: string): void {
    if (this.#absentKids.size >= maxAbsentKids) this.#absentKids.clear();
    this.#absentKids.set(kid, this.#now() + this.#options.absentKidMs);
  }

  #now(): number {
    return this.#options.clock.bootTime();
  }
}

/** Keys that never change: an inline JWKS. */
export function fixedKeySet(keys: KeySet): KeySetSource {
  return {
    current: () => keys,
    load: () => Promise.resolve(keys),
    refreshForKid: () => Promise.resolve({ outcome: 'absent' }),
  };
}
