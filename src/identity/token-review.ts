import { hash } from 'node:crypto';
import { BoundedCache } from '../base/bounded-cache.ts';
import { CircuitBreaker } from '../base/circuit-breaker.ts';
import type { Clock } from '../base/clock.ts';
import { Coalescer, withDeadline } from '../base/waiting.ts';
import { peekJwt } from '../jwt/index.ts';
import type { TrustDomain } from '../spiffe/index.ts';
import { readBearer } from './bearer.ts';
import { type ClusterNames, resolveClusterId } from './cluster-names.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  accepted,
  type CallerNode,
  type Evidence,
  notApplicable,
  rejected,
  unavailable,
} from './evidence.ts';
import { formatServiceAccountName, parseServiceAccountName, serviceAccountId } from './service-account.ts';

/** `status` of a TokenReview (authentication.k8s.io/v1), as the API server answered. */
export interface TokenReviewStatus {
  readonly authenticated: boolean;
  readonly username: string;
  readonly groups: readonly string[];
  readonly audiences: readonly string[];
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

/** Asks one cluster's API server about a token. Throws when it cannot be asked or answers nonsense. */
export interface TokenReviewer {
  review(token: string, audiences: readonly string[], signal: AbortSignal): Promise<TokenReviewStatus>;
}

export interface TokenReviewOptions {
  readonly trustDomain: TrustDomain;
  readonly clusters: ClusterNames;
  /** By cluster ID. */
  readonly reviewers: ReadonlyMap<string, TokenReviewer>;
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly timeoutMs?: number;
  /** How long an accepted token is not asked about again: as long a deleted pod's token may live on. */
  readonly cacheMs?: number;
  readonly cacheCapacity?: number;
}

/** Kubernetes service account tokens, judged by the API server (T17, T18). */
export function tokenReviewAuthenticator(options: TokenReviewOptions): Authenticator {
  if (options.audiences.length === 0) throw new TypeError('token review needs an audience');
  const desk = new ReviewDesk(options);
  return {
    name: 'token-review',
    secondOpinion: 'strict',
    authenticate: (evidence, signal) => desk.authenticate(evidence, signal),
  };
}

class ReviewDesk {
  readonly #options: TokenReviewOptions;
  readonly #accepted: BoundedCache<AuthenticationResult>;
  readonly #breakers: ReadonlyMap<string, CircuitBreaker>;
  readonly #reviews = new Coalescer<AuthenticationResult>();

  constructor(options: TokenReviewOptions) {
    this.#options = options;
    this.#accepted = new BoundedCache(options.cacheCapacity ?? 10_000);
    const clusterIds = [...options.reviewers.keys()];
    this.#breakers = new Map(clusterIds.map((id) => [id, new CircuitBreaker({ clock: options.clock })]));
  }

  async authenticate(evidence: Evidence, signal: AbortSignal): Promise<AuthenticationResult> {
    const bearer = readBearer(evidence);
    if (bearer.kind !== 'token') return notApplicable;
    const clusterId = resolveClusterId(this.#options.clusters, evidence.headers.clusterId);
    const reviewer = clusterId === undefined ? undefined : this.#options.reviewers.get(clusterId);
    if (clusterId === undefined || reviewer === undefined)
      return rejected('unknown-cluster', 'clusterid names no cluster whose API server we can ask');
    if (bearer.token.length > longestToken)
      return rejected('token-too-large', `longer than ${longestToken} bytes`);
    const digest = hash('sha256', `${clusterId}\n${bearer.token}`, 'base64url');
    const known = this.#accepted.get(digest, this.#options.clock.now());
    if (known !== undefined) return known;
    return this.#reviews.run(
      digest,
      () => this.#ask(clusterId, reviewer, { token: bearer.token, digest }),
      signal,
    );
  }

  async #ask(
    clusterId: string,
    reviewer: TokenReviewer,
    shown: { readonly token: string; readonly digest: string },
  ): Promise<AuthenticationResult> {
    const { clock, timeoutMs = 2_000, audiences } = this.#options;
    const breaker = this.#breakers.get(clusterId);
    if (breaker?.tryEnter() === false)
      return unavailable('token-review', `the API server of ${clusterId} keeps failing; not asked`);
    let status: TokenReviewStatus;
    try {
      status = await withDeadline(clock, timeoutMs, neverAborted, (limit) =>
        reviewer.review(shown.token, audiences, limit),
      );
      breaker?.succeeded();
    } catch (error) {
      breaker?.failed();
      return unavailable('token-review', error instanceof Error ? error.message : String(error));
    }
    const result = judge(this.#options, clusterId, status);
    if (result.outcome === 'accepted') this.#remember(shown, result);
    return result;
  }

  #remember(shown: { readonly token: string; readonly digest: string }, result: AuthenticationResult): void {
    const from = this.#options.clock.now();
    const ends = peekJwt(shown.token)?.expiresAt ?? Number.POSITIVE_INFINITY;
    const until = Math.min(from + (this.#options.cacheMs ?? 60_000), ends);
    this.#accepted.set(shown.digest, result, { from, until });
  }
}

const longestToken = 16 * 1024;
const neverAborted = new AbortController().signal;

/** csr-api.md §2.2, and what Istio leaves out: that the **reply** names an audience of ours. */
function judge(
  options: TokenReviewOptions,
  clusterId: string,
  status: TokenReviewStatus,
): AuthenticationResult {
  if (!status.authenticated)
    return rejected('token-review-denied', 'the API server did not authenticate the token');
  if (!status.audiences.some((audience) => options.audiences.includes(audience)))
    return rejected('token-review-audience', 'the reply names none of our audiences');
  if (!status.groups.includes('system:serviceaccounts'))
    return rejected('not-a-service-account', 'not in the group system:serviceaccounts');
  const account = parseServiceAccountName(status.username);
  const id = account && serviceAccountId(account, options.trustDomain);
  if (account === undefined || id === undefined)
    return rejected(
      'not-a-service-account',
      'the username is not system:serviceaccount:<namespace>:<account>',
    );
  const extra = (name: string) => status.extra.get(`authentication.kubernetes.io/${name}`)?.[0];
  const [podName, podUid, nodeName] = [extra('pod-name'), extra('pod-uid'), extra('node-name')];
  const node: CallerNode = {
    clusterId,
    ...account,
    ...(podName !== undefined && { podName }),
    ...(podUid !== undefined && { podUid }),
    ...(nodeName !== undefined && { name: nodeName }),
  };
  return accepted({ identities: [id], method: 'k8s_sat', node, subject: formatServiceAccountName(account) });
}
