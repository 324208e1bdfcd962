import { hash } from 'node:crypto';
import { BoundedCache } from '../base/bounded-cache.ts';
import { defaultLimits } from './compact.ts';
import type { KeySet } from './key-set.ts';
import type { JwtProfile } from './profile.ts';
import type { RejectedJwt } from './reasons.ts';
import { type VerifiedJwt, verifyJwt } from './verify.ts';

export interface VerifiedTokenCacheOptions {
  /** 0 remembers nothing: each token is verified each time. */
  readonly capacity?: number;
  /** No entry is older than this, whatever the token's `exp`. */
  readonly maxAgeMs?: number;
}

/**
 * Remembers tokens that verified, so that a caller who sends the same one again costs a hash. Only successes are kept,
 * by the digest of token, profile and key set: a rotated key or changed profile never meets an old entry.
 */
export class VerifiedTokenCache {
  readonly #maxAgeMs: number;
  readonly #verified: BoundedCache<VerifiedJwt>;
  /** By the digest of the token alone, whoever verified it. */
  readonly #issuers: BoundedCache<string>;
  readonly #remembers: boolean;
  /** One call asks several times about the same token. */
  #lastDigest = { token: '', digest: '' };

  constructor(options: VerifiedTokenCacheOptions = {}) {
    const capacity = options.capacity ?? 10_000;
    this.#remembers = capacity > 0;
    this.#verified = new BoundedCache(Math.max(1, capacity));
    this.#issuers = new BoundedCache(Math.max(1, capacity));
    this.#maxAgeMs = options.maxAgeMs ?? 10 * 60_000;
  }

  get stats(): BoundedCache<VerifiedJwt>['stats'] {
    return this.#verified.stats;
  }

  /** The `iss` of a token that is remembered: it need not be parsed again to find whose it is. */
  issuerOf(token: string, nowMs: number): string | undefined {
    if (!this.#remembers || token.length > defaultLimits.maxBytes) return undefined;
    return this.#issuers.get(this.#digestOf(token), nowMs);
  }

  async verify(
    token: string,
    keys: KeySet,
    profile: JwtProfile,
    nowMs: number,
  ): Promise<VerifiedJwt | RejectedJwt> {
    const known = this.known(token, keys, profile, nowMs);
    if (known !== undefined) return known;
    const verified = await verifyJwt(token, keys, profile, nowMs);
    if (verified.ok && this.#remembers && token.length <= profile.limits.maxBytes) {
      const until = Math.min(nowMs + this.#maxAgeMs, verified.expiresAt ?? Number.POSITIVE_INFINITY);
      const life = { from: nowMs, until };
      this.#verified.set(this.#idOf(token, keys, profile), verified, life);
      if (verified.issuer !== undefined) this.#issuers.set(this.#digestOf(token), verified.issuer, life);
    }
    return verified;
  }

  /** What is remembered of a token, without verifying anything. */
  known(token: string, keys: KeySet, profile: JwtProfile, nowMs: number): VerifiedJwt | undefined {
    if (!this.#remembers || token.length > profile.limits.maxBytes) return undefined;
    return this.#verified.get(this.#idOf(token, keys, profile), nowMs);
  }

  /** Forgets everything, e.g. when an operator asks. */
  clear(): void {
    this.#verified.clear();
    this.#issuers.clear();
  }

  #idOf(token: string, keys: KeySet, profile: JwtProfile): string {
    return `${this.#digestOf(token)}\n${keys.revision}\n${profile.id}`;
  }

  #digestOf(token: string): string {
    if (this.#lastDigest.token !== token)
      this.#lastDigest = { token, digest: hash('sha256', token, 'base64url') };
    return this.#lastDigest.digest;
  }
}
