import { BoundedCache } from '../base/bounded-cache.ts';
import type { Clock } from '../base/clock.ts';
import { asCastellanError } from '../base/errors.ts';
import { Coalescer } from '../base/waiting.ts';
import { type JsonObject, jwtSvidProfile, keySetFromJwks, peekJwt, verifyJwt } from '../jwt/index.ts';
import { SpiffeId } from '../spiffe/index.ts';
import { agentErrors } from './errors.ts';
import type { JwtSvidSource, MintedJwtSvid } from './ports.ts';
import type { AgentBundle } from './view.ts';

export interface JwtSvidsParts {
  readonly clock: Clock;
  readonly source: JwtSvidSource;
  /** Tokens kept at once. */
  readonly capacity?: number;
}

export const maxAudiences = 16;
const maxAudienceBytes = 1024;
/** A token that ends this soon is not worth handing out. */
const tooLateMs = 5_000;

/** JWT-SVIDs from the server, kept for half their life; while the server is away to their end. */
export class JwtSvids {
  readonly #parts: JwtSvidsParts;
  readonly #cache: BoundedCache<MintedJwtSvid>;
  readonly #minting = new Coalescer<MintedJwtSvid>();

  constructor(parts: JwtSvidsParts) {
    this.#parts = parts;
    this.#cache = new BoundedCache(parts.capacity ?? 1_000);
  }

  get stats() {
    return this.#cache.stats;
  }

  /** Throws AUDIENCE_MISSING, and what the server answers when there is none to fall back on. */
  async fetch(spiffeId: SpiffeId, audiences: readonly string[], signal: AbortSignal): Promise<string> {
    checkAudiences(audiences);
    const { clock, source } = this.#parts;
    const key = JSON.stringify([spiffeId.uri, ...[...audiences].sort()]);
    const now = clock.now();
    const kept = this.#cache.get(key, now);
    if (kept !== undefined && now < kept.issuedAt + (kept.expiresAt - kept.issuedAt) / 2) return kept.token;
    try {
      const work = async () => {
        const minted = await source.mint({ spiffeId, audiences }, new AbortController().signal);
        const received = clock.now();
        // D5: what was left at receipt counts, whatever the clocks say of its beginning.
        const life = { from: received, until: minted.expiresAt - tooLateMs };
        this.#cache.set(key, { ...minted, issuedAt: received }, life);
        return minted;
      };
      return (await this.#minting.run(key, work, signal)).token;
    } catch (error) {
      const { kind } = asCastellanError(error);
      const isAway = kind === 'unavailable' || kind === 'timeout' || kind === 'exhausted';
      if (kept !== undefined && isAway) return kept.token;
      throw error;
    }
  }

  /** What was minted under other keys or rights counts no more. */
  forget(): void {
    this.#cache.clear();
  }
}

function checkAudiences(audiences: readonly string[]): void {
  const isBad = ({ length }: string) => length === 0 || length > maxAudienceBytes;
  if (audiences.length === 0 || audiences.length > maxAudiences || audiences.some(isBad))
    throw agentErrors.AUDIENCE_MISSING({
      message: `the request names ${audiences.length} audiences; 1 to ${maxAudiences} are wanted, none empty`,
    });
}

export interface ValidatedJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly claims: JsonObject;
}

/**
 * J-01 … J-14 for one audience, with the keys of the trust domain in `sub` and no others. `bundleOf` knows the
 * caller's own domain and those it federates with. Throws JWT_SVID_REFUSED.
 */
export async function validateJwtSvid(
  token: string,
  audience: string,
  bundleOf: (trustDomain: string) => AgentBundle | undefined,
  now: number,
): Promise<ValidatedJwtSvid> {
  if (audience === '') throw agentErrors.AUDIENCE_MISSING();
  if (token === '') throw agentErrors.JWT_SVID_MISSING();
  const refuse = (detail: string) =>
    agentErrors.JWT_SVID_REFUSED({ message: `the JWT-SVID is not acceptable: ${detail}` });
  const subject = SpiffeId.tryParse(peekJwt(token)?.subject ?? '');
  if (subject === undefined) throw refuse('it is no compact token whose sub is a SPIFFE ID');
  const bundle = bundleOf(subject.trustDomain);
  if (bundle === undefined || bundle.jwtKeys.length === 0)
    throw refuse(`no JWT keys are held for trust domain \`${subject.trustDomain}\``);
  const keys = keySetFromJwks(
    bundle.jwtKeys.map(({ kid, jwk }) => ({ ...jwk, kid, use: 'jwt-svid' })),
    { source: 'remote', use: 'jwt-svid' },
  );
  const verdict = await verifyJwt(token, keys, jwtSvidProfile({ audiences: [audience] }), now);
  if (!verdict.ok) throw refuse(verdict.detail);
  return { spiffeId: SpiffeId.parse(verdict.subject ?? ''), claims: verdict.claims };
}
