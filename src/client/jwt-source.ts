import { BoundedCache } from '../base/bounded-cache.ts';
import type { Clock } from '../base/clock.ts';
import type { CastellanError } from '../base/errors.ts';
import { Coalescer } from '../base/waiting.ts';
import {
  describeJwtReason,
  type JsonObject,
  jwtSvidProfile,
  type KeySet,
  parseKeySet,
  peekJwt,
  verifyJwt,
} from '../jwt/index.ts';
import { parseTrustDomain, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import type { JWTBundlesResponse } from '../wire/gen/spiffe/workload/workloadapi_pb.js';
import { workloadEndpoint } from './endpoint.ts';
import { clientErrors } from './errors.ts';
import { follow } from './follow.ts';
import { portsOf, type SourceOptions } from './options.ts';
import { First } from './wait-for-first.ts';
import { WorkloadApi } from './workload-api.ts';

export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  readonly token: string;
  readonly audiences: readonly string[];
  readonly expiresAt: number;
  readonly hint: string | undefined;
}

export interface ValidJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly claims: JsonObject;
}

const cachedTokens = 1_000;
const shortestLifeMs = 1_000;

/** JWT-SVIDs for this process, fetched when asked for and kept for half their life; and a judge of those of others. */
export class JwtSource implements Disposable {
  readonly #options: SourceOptions;
  readonly #clock: Clock;
  readonly #api: WorkloadApi;
  readonly #closing = new AbortController();
  readonly #first = new First();
  readonly #tokens = new BoundedCache<JwtSvid>(cachedTokens);
  readonly #fetching = new Coalescer<JwtSvid>();
  #keys: ReadonlyMap<TrustDomain, KeySet> = new Map();

  private constructor(options: SourceOptions) {
    this.#options = options;
    this.#api = new WorkloadApi(workloadEndpoint(options.endpoint));
    const { clock, random } = portsOf(options);
    this.#clock = clock;
    void follow({
      open: (aborted) => this.#api.watchJwtBundles(aborted),
      take: (answer) => this.#take(answer),
      failed: (error) => this.#failed(error),
      clock,
      random,
      signal: this.#closing.signal,
    });
  }

  /** Resolves when the bundles are in place. Throws as `X509Source.open` does. */
  static async open(options: SourceOptions = {}): Promise<JwtSource> {
    const source = new JwtSource(options);
    try {
      await source.#first.wait(options.signal);
      return source;
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * A token for the audience: as `spiffeId`, or the default identity. One that has more than half its life left is
   * given again. Throws WORKLOAD_API_REFUSED, WORKLOAD_API_UNAVAILABLE, WORKLOAD_ANSWER_MALFORMED.
   */
  fetch(audience: string | readonly string[], spiffeId?: SpiffeId, signal?: AbortSignal): Promise<JwtSvid> {
    const audiences = typeof audience === 'string' ? [audience] : [...audience];
    const key = JSON.stringify([spiffeId?.uri ?? '', audiences]);
    const kept = this.#tokens.get(key, this.#clock.now());
    if (kept !== undefined) return Promise.resolve(kept);
    const work = async () => {
      const svid = await this.#ask(audiences, spiffeId);
      const now = this.#clock.now();
      const half = (svid.expiresAt - now) / 2;
      if (half > shortestLifeMs) this.#tokens.set(key, svid, { from: now, until: now + half });
      return svid;
    };
    const either =
      signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    return this.#fetching.run(key, work, either);
  }

  /**
   * Judges a JWT-SVID here, by the bundle of the trust domain in its `sub` (J-14); throws PEER_NOT_ACCEPTED with the
   * reason.
   */
  async validate(token: string, audience: string): Promise<ValidJwtSvid> {
    const subject = SpiffeId.tryParse(peekJwt(token)?.subject ?? '');
    if (subject === undefined) throw refused('its subject is no SPIFFE ID');
    const keys = this.#keys.get(subject.trustDomain);
    if (keys === undefined) throw refused(`no bundle is held for trust domain \`${subject.trustDomain}\``);
    const verdict = await verifyJwt(
      token,
      keys,
      jwtSvidProfile({ audiences: [audience] }),
      this.#clock.now(),
    );
    if (!verdict.ok) throw refused(describeJwtReason(verdict.reason));
    return { spiffeId: subject, claims: verdict.claims };
  }

  [Symbol.dispose](): void {
    this.#closing.abort(clientErrors.SOURCE_CLOSED());
    this.#first.failed(clientErrors.SOURCE_CLOSED());
    this.#api[Symbol.dispose]();
  }

  async #ask(audiences: readonly string[], spiffeId: SpiffeId | undefined): Promise<JwtSvid> {
    const { svids } = await this.#api.fetchJwt(audiences, spiffeId?.uri ?? '');
    const [first] = svids;
    const claims = first === undefined ? undefined : peekJwt(first.svid);
    const identity = SpiffeId.tryParse(first?.spiffeId ?? '');
    if (first === undefined || identity === undefined || claims?.expiresAt === undefined)
      throw clientErrors.WORKLOAD_ANSWER_MALFORMED();
    if (claims.subject !== identity.uri || (spiffeId !== undefined && !identity.equals(spiffeId)))
      throw clientErrors.WORKLOAD_ANSWER_MALFORMED({
        message: 'the Workload API sent a token of another identity',
      });
    const { svid: token, hint } = first;
    return {
      spiffeId: identity,
      token,
      audiences,
      expiresAt: claims.expiresAt,
      hint: hint === '' ? undefined : hint,
    };
  }

  /** The whole is replaced (W-07); a trust domain without usable keys is not trusted (J-12). */
  #take({ bundles }: JWTBundlesResponse): void {
    const keys = new Map<TrustDomain, KeySet>();
    for (const [name, document] of Object.entries(bundles)) {
      const trustDomain = parseTrustDomain(name.replace(/^spiffe:\/\//, '').replace(/\/$/, ''));
      try {
        const text = new TextDecoder('utf-8', { fatal: true }).decode(document);
        keys.set(trustDomain, parseKeySet(text, { source: 'remote', use: 'jwt-svid' }));
      } catch (error) {
        this.#options.onError?.(clientErrors.WORKLOAD_ANSWER_MALFORMED({ cause: error }));
      }
    }
    this.#keys = keys;
    this.#first.arrived();
  }

  #failed(error: CastellanError): void {
    if (error.kind === 'unsupported' || (error.kind === 'invalid' && this.#keys.size === 0))
      this.#first.failed(error);
    if (error.code === 'WORKLOAD_API_REFUSED') this.#keys = new Map();
    this.#options.onError?.(error);
  }
}

function refused(reason: string): Error {
  return clientErrors.PEER_NOT_ACCEPTED({
    message: `the token does not show an identity that is accepted here: ${reason}`,
  });
}
