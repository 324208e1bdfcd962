import { createHash } from 'node:crypto';
import type { KeySet } from './key-set.ts';
import type { JwtProfile } from './profile.ts';
import type { RejectedJwt } from './reasons.ts';
import { type VerifiedJwt, verifyJwt } from './verify.ts';

interface Entry {
  readonly verified: VerifiedJwt;
  readonly from: number;
  readonly until: number;
}

export interface CacheOptions {
  readonly capacity?: number;
  /** No entry is older than this, whatever the token's `exp`. */
  readonly maxAgeMs?: number;
}

/**
 * Remembers tokens that verified, so that a caller who sends the same one again costs a hash. Only successes are kept,
 * under the digest of token, profile and key set: a rotated key or changed profile never meets an old entry.
 */
export class VerifiedTokenCache {
  readonly #capacity: number;
  readonly #maxAgeMs: number;
  readonly #entries = new Map<string, Entry>();
  #hits = 0;
  #misses = 0;

  constructor(options: CacheOptions = {}) {
    this.#capacity = options.capacity ?? 10_000;
    this.#maxAgeMs = options.maxAgeMs ?? 10 * 60_000;
  }

  get stats(): { readonly size: number; readonly hits: number; readonly misses: number } {
    return { size: this.#entries.size, hits: this.#hits, misses: this.#misses };
  }

  async verify(
    token: string,
    keys: KeySet,
    profile: JwtProfile,
    nowMs: number,
  ): Promise<VerifiedJwt | RejectedJwt> {
    if (token.length > profile.limits.maxBytes) return verifyJwt(token, keys, profile, nowMs);
    const id = createHash('sha256').update(`${profile.id}\n${keys.revision}\n${token}`).digest('base64url');
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      this.#entries.delete(id);
      if (nowMs >= entry.from && nowMs < entry.until) {
        this.#entries.set(id, entry);
        this.#hits++;
        return entry.verified;
      }
    }
    this.#misses++;
    const verified = await verifyJwt(token, keys, profile, nowMs);
    if (verified.ok) this.#keep(id, verified, nowMs);
    return verified;
  }

  /** Forgets everything, e.g. when an operator asks. */
  clear(): void {
    this.#entries.clear();
  }

  #keep(id: string, verified: VerifiedJwt, nowMs: number): void {
    const until = Math.min(nowMs + this.#maxAgeMs, verified.expiresAt ?? Number.POSITIVE_INFINITY);
    if (until <= nowMs) return;
    this.#entries.set(id, { verified, from: nowMs, until });
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (!oldest.done) this.#entries.delete(oldest.value);
  }
}
