import type { Clock } from '../../base/clock.ts';

export interface RateLimit {
  /** Tokens that come back each second. */
  readonly perSecond: number;
  /** Tokens of a full bucket. */
  readonly burst: number;
}

export type Grant =
  | { readonly granted: true }
  | { readonly granted: false; readonly retryAfterSeconds: number };

interface Bucket {
  tokens: number;
  at: number;
}

const granted: Grant = Object.freeze({ granted: true });

/**
 * Token buckets by key, in a map that is bounded: when it is full, buckets that have filled up again are dropped (they
 * say nothing), and failing that, the one that was used longest ago.
 */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, clock: Clock, capacity = 10_000) {
    if (limit.perSecond <= 0 || limit.burst < 1) throw new TypeError('a rate limit grants something');
    this.#limit = limit;
    this.#clock = clock;
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one token, or says when there will be one. */
  take(key: string): Grant {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(key, now);
    if (bucket.tokens < 1)
      return { granted: false, retryAfterSeconds: (1 - bucket.tokens) / this.#limit.perSecond };
    bucket.tokens--;
    return granted;
  }

  #bucketOf(key: string, now: number): Bucket {
    const { perSecond, burst } = this.#limit;
    const known = this.#buckets.get(key);
    if (known === undefined) {
      if (this.#buckets.size >= this.#capacity) this.#makeRoom(now);
      const fresh = { tokens: burst, at: now };
      this.#buckets.set(key, fresh);
      return fresh;
    }
    // A wall clock set back must not stop the refill: that span counts as nothing and time goes on from there.
    known.tokens = Math.min(burst, known.tokens + (Math.max(0, now - known.at) / 1000) * perSecond);
    known.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, known);
    return known;
  }

  /** Looks at a few of the oldest only: the work of one call stays small whatever the number of keys. */
  #makeRoom(now: number): void {
    const { perSecond, burst } = this.#limit;
    let looked = 0;
    for (const [key, { tokens, at }] of this.#buckets) {
      if (tokens + ((now - at) / 1000) * perSecond >= burst) this.#buckets.delete(key);
      if (++looked === 64) break;
    }
    if (this.#buckets.size < this.#capacity) return;
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}

/** One bucket for a network that one host is usually given: an IPv4 address, the first 64 bits of an IPv6 one. */
export function sourceKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => '0'), ...right].slice(0, 4).join(':');
}
