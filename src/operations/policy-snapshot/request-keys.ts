import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import {
  type KeySet,
  type KeySetFetcher,
  KeySetKeeper,
  type KeySetKeeperOptions,
  type KeySetStatus,
  peekJwt,
  VerifiedTokenCache,
} from '../../jwt/index.ts';
import {
  type AuthzRequest,
  knownRequestTokens,
  type LocatedToken,
  locateTokens,
  type RequestRuleRef,
  requestRules,
  type TokenResult,
  verifyRequestTokens,
} from '../../policy/index.ts';
import type { ActivePolicy, RequestTokens } from '../check-request/index.ts';

/** Where the keys of a rule are: a URL, or an issuer to ask by discovery. */
export type KeySetPlace = { readonly url: string } | { readonly issuer: string };

export interface RequestKeysOptions {
  readonly fetcherFor: (place: KeySetPlace) => KeySetFetcher;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How key sets are kept where they are relayed rather than fetched. */
  readonly keeping?:
    | Pick<KeySetKeeperOptions, 'refreshMs' | 'cooldownMs' | 'kidCooldownMs' | 'absentKidMs' | 'maxStaleMs'>
    | undefined;
  /** For the metric; `issuer` is the configured place. */
  readonly onVerified?: (results: readonly TokenResult[]) => void;
}

/** How long the answer to "are these keys still usable" is reused. */
const currentForMs = 1_000;

const requestLimits = { maxBytes: 64 * 1024, maxDepth: 32 } as const;

function lacksKeys(result: TokenResult): boolean {
  return !result.ok && (result.fault === 'keys-unavailable' || result.fault === 'no-matching-key');
}

interface Kept {
  readonly place: KeySetPlace;
  readonly keeper: KeySetKeeper;
  keys: KeySet | undefined;
  until: number;
}

/** The key sets that the policies in force name, each fetched and refreshed on its own, and the tokens they verify. */
export class RequestKeys implements RequestTokens, Disposable {
  readonly #options: RequestKeysOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #cache = new VerifiedTokenCache();
  readonly #verify: VerifiedTokenCache['verify'];

  constructor(options: RequestKeysOptions) {
    this.#options = options;
    this.#verify = (token, keys, profile, now) => this.#cache.verify(token, keys, profile, now);
  }

  /** The places that the policy names, whether or not their keys are here. */
  places(): readonly KeySetPlace[] {
    return [...this.#kept.values()].map(({ place }) => place);
  }

  /** Starts what is new and drops what no policy names any more. */
  follow({ snapshot }: ActivePolicy): void {
    const wanted = new Map<string, KeySetPlace>();
    for (const rule of requestRules(snapshot)) {
      const place = placeOf(rule);
      if (place !== undefined) wanted.set(nameOf(place), place);
    }
    for (const [name, { keeper }] of this.#kept)
      if (!wanted.has(name)) {
        keeper[Symbol.dispose]();
        this.#kept.delete(name);
      }
    for (const [name, place] of wanted) if (!this.#kept.has(name)) this.#start(name, place);
  }

  status(): readonly KeySetStatus[] {
    return [...this.#kept.values()].map(({ keeper }) => keeper.status());
  }

  get cacheStats(): VerifiedTokenCache['stats'] {
    return this.#cache.stats;
  }

  verify(
    policy: ActivePolicy,
    request: AuthzRequest,
    limits: { readonly now: number; readonly signal: AbortSignal },
  ): readonly TokenResult[] | Promise<readonly TokenResult[]> {
    const located = locateTokens(policy.snapshot, request);
    return located.length === 0 ? [] : this.#verifyLocated(policy, request, { ...limits, located });
  }

  [Symbol.dispose](): void {
    for (const { keeper } of this.#kept.values()) keeper[Symbol.dispose]();
    this.#kept.clear();
  }

  /** Without waiting: every token verified before. A cache keeps no refusal, so neither does this. */
  known(policy: ActivePolicy, request: AuthzRequest, now: number): readonly TokenResult[] | undefined {
    const results = knownRequestTokens(
      policy.snapshot,
      request,
      {
        keysFor: (rule) => this.#keysFor(rule, now),
        known: (token, keys, profile, at) => this.#cache.known(token, keys, profile, at),
      },
      now,
    );
    if (results !== undefined && results.length > 0) this.#options.onVerified?.(results);
    return results;
  }

  async #verifyLocated(
    policy: ActivePolicy,
    request: AuthzRequest,
    given: {
      readonly now: number;
      readonly signal: AbortSignal;
      readonly located: readonly LocatedToken[];
    },
  ): Promise<readonly TokenResult[]> {
    const verify = () =>
      verifyRequestTokens(
        policy.snapshot,
        request,
        { keysFor: (rule) => this.#keysFor(rule, given.now), verify: this.#verify },
        given.now,
      );
    let results = await verify();
    // Keys are asked for only when a token lacks one: a token that verifies waits for nobody.
    if (results.some(lacksKeys)) {
      const fetched = given.located.map(({ token, rule }) => this.#fetchIfNeeded(token, rule, given));
      if ((await Promise.all(fetched)).includes(true)) results = await verify();
    }
    this.#options.onVerified?.(results);
    return results;
  }

  /** Keys that were never fetched, or a kid that is not among them; true when there are new ones. */
  async #fetchIfNeeded(
    token: string,
    rule: RequestRuleRef,
    { now, signal }: { readonly now: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const place = placeOf(rule);
    const kept = place && this.#kept.get(nameOf(place));
    if (kept === undefined) return false;
    const known = this.#keysFor(rule, now);
    const keys = known ?? (await kept.keeper.load(signal));
    kept.until = 0;
    const kid = peekJwt(token, requestLimits)?.keyId;
    if (keys === undefined || kid === undefined || keys.keys.some((key) => key.kid === kid))
      return keys !== known;
    return (await kept.keeper.refreshForKid(kid, signal)).outcome === 'found';
  }

  #keysFor(rule: RequestRuleRef, now: number): KeySet | undefined {
    const place = placeOf(rule);
    const kept = place && this.#kept.get(nameOf(place));
    if (kept === undefined) return undefined;
    if (kept.keys === undefined || now >= kept.until || now < kept.until - currentForMs) {
      kept.keys = kept.keeper.current();
      kept.until = now + currentForMs;
    }
    return kept.keys;
  }

  #start(name: string, place: KeySetPlace): void {
    const { clock, logger, fetcherFor, keeping } = this.#options;
    const keeper = new KeySetKeeper({ name, fetcher: fetcherFor(place), clock, logger, ...keeping });
    this.#kept.set(name, { place, keeper, keys: undefined, until: 0 });
    keeper.start().catch((error: unknown) => logger.warn('a key set could not be fetched', { name, error }));
  }
}

function placeOf({ spec }: RequestRuleRef): KeySetPlace | undefined {
  if (spec.jwks !== undefined) return undefined;
  if (spec.jwksUri !== undefined) return { url: spec.jwksUri };
  return spec.issuer === undefined || spec.issuer === '' ? undefined : { issuer: spec.issuer };
}

/** A key set's own name: its URL, or the issuer it is found by. */
export function nameOf(place: KeySetPlace): string {
  return 'url' in place ? place.url : `discovery:${place.issuer}`;
}
