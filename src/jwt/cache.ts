import { hash } from 'node:crypto';
import { BoundedCache } from '../base/bounded-cache.ts';
import type { KeySet } from './key-set.ts';
import type { JwtProfile } from './profile.ts';
import type { RejectedJwt } from './reasons.ts';
import { type VerifiedJwt, verifyJwt } from './verify.ts';

export interface VerifiedTokenCacheOptions {
  readonly capacity?: number;
  /** No entry is older than this, whatever the token's `exp`. */
  readonly maxAgeMs?: number;
}

/**
 * Remembers tokens that verified, so that a caller who sends the same one again costs a hash. Only successes are kept,
 * under the digest of token, profile and key set: a rotated key or changed profile never meets an old entry.
 */
export class VerifiedTokenCache {
  readonly #maxAgeMs: number;
  readonly #verified: BoundedCache<VerifiedJwt>;

  constructor(options: VerifiedTokenCacheOptions = {}) {
    this.#verified = new BoundedCache(options.capacity ?? 10_000);
    this.#maxAgeMs = options.maxAgeMs ?? 10 * 60_000;
  }

  get stats(): BoundedCache<VerifiedJwt>['stats'] {
    return this.#verified.stats;
  }

  async verify(
    token: string,
    keys: KeySet,
    profile: JwtProfile,
    nowMs: number,
  ): Promise<VerifiedJwt | RejectedJwt> {
    if (token.length > profile.limits.maxBytes) return verifyJwt(token, keys, profile, nowMs);
    const id = idOf(token, keys, profile);
    const known = this.#verified.get(id, nowMs);
    if (known !== undefined) return known;
    const verified = await verifyJwt(token, keys, profile, nowMs);
    if (verified.ok) {
      const until = Math.min(nowMs + this.#maxAgeMs, verified.expiresAt ?? Number.POSITIVE_INFINITY);
      this.#verified.set(id, verified, { from: nowMs, until });
    }
    return verified;
  }

  /** What is remembered of a token, without verifying anything. */
  known(token: string, keys: KeySet, profile: JwtProfile, nowMs: number): VerifiedJwt | undefined {
    if (token.length > profile.limits.maxBytes) return undefined;
    return this.#verified.get(idOf(token, keys, profile), nowMs);
  }

  /** Forgets everything, e.g. when an operator asks. */
  clear(): void {
    this.#verified.clear();
  }
}

function idOf(token: string, keys: KeySet, profile: JwtProfile): string {
  return hash('sha256', `${profile.id}\n${keys.revision}\n${token}`, 'base64url');
}
