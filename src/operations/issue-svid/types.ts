import type { Authority } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type {
  AuthenticationRules,
  Authenticator,
  Evidence,
  ImpersonationRules,
} from '../../identity/index.ts';
import type { KeyPolicy } from '../../x509/index.ts';
import type { ClockGuard } from '../clock-guard.ts';
import type { RateLimit } from '../limits/rate-limiter.ts';
import type { IssuanceStore, RefusalLog, RevocationStore } from '../ports/index.ts';
import type { RegistrationView } from '../registrations.ts';
import type { SpanWatch, TraceContext } from '../tracing/index.ts';
import type { CallerRecords } from './certificate-standing.ts';

/** A request for a certificate as a door decoded it. Nothing in it is believed yet. */
export interface IssueSvidRequest {
  readonly csrPem: string;
  /** int64 seconds; zero or less asks for the default. */
  readonly validitySeconds: bigint;
  /** Another identity than the caller's own; empty means none. */
  readonly impersonatedIdentity: string;
  /** Every value of the `idempotency-key` header (D8). */
  readonly idempotencyKeys: readonly string[];
  readonly evidence: Evidence;
  readonly requestId: string;
  /** Asked only when traces are wanted. */
  readonly trace?: () => TraceContext | undefined;
  /** Aborts when the caller went away or its deadline passed: then nothing is handed out. */
  readonly signal: AbortSignal;
}

export interface IssueSvidReply {
  /** Leaf first, the whole root bundle last (csr-api.md §1.5). */
  readonly chainPem: readonly string[];
  /** The signer's end cut the lifetime (D4). */
  readonly shortened: boolean;
  /** The answer to an earlier request with this idempotency key (D8). */
  readonly replayed: boolean;
}

export type IssueSvid = (request: IssueSvidRequest) => Promise<IssueSvidReply>;

/** How a request ended, for metrics: closed lists, no identities. */
export type IssueReason =
  | 'issued'
  | 'unauthenticated'
  | 'impersonation_denied'
  | 'revoked'
  | 'csr_malformed'
  | 'key_refused'
  | 'lifetime_refused'
  | 'rate_limited'
  | 'overloaded'
  | 'not_ready'
  | 'unavailable'
  | 'sign_failed'
  | 'deadline'
  | 'conflict'
  | 'internal_error';

export type CallerAttestor = 'mtls' | 'oidc' | 'k8s_sat' | 'xfcc' | 'join_token' | 'local' | 'none';

export interface IssueOutcome {
  readonly result: 'success' | 'denied' | 'error';
  readonly reason: IssueReason;
  readonly attestor: CallerAttestor;
}

/** What counts and times requests; the port's other side knows the clock to time with. */
export interface IssueMetrics {
  /** A request arrived; call what it returns once, when it has ended. */
  begin(): (outcome: IssueOutcome) => void;
  limitHit(limit: 'source_rate' | 'identity_rate' | 'sign_queue'): void;
}

export interface IssueSvidParts {
  readonly authenticators: readonly Authenticator[];
  readonly authenticationRules: AuthenticationRules;
  readonly impersonation: ImpersonationRules;
  /** Asked at each request: registrations change while we run. */
  readonly registrations: () => RegistrationView;
  readonly authority: Authority;
  readonly keyPolicy: KeyPolicy;
  readonly store: {
    readonly issuances: IssuanceStore;
    readonly revocations: RevocationStore;
    readonly refusals: RefusalLog;
  };
  readonly records: CallerRecords;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  readonly metrics: IssueMetrics;
  readonly spans?: SpanWatch | undefined;
  readonly logger: Logger;
  readonly settings: IssueSvidSettings;
}

export interface IssueSvidSettings {
  /** C19 … C21, C24: a CSR that asks for more than it gets is refused instead of stripped (D1). */
  readonly strictCsr: boolean;
  readonly perSource: RateLimit;
  readonly perIdentity: RateLimit;
  readonly maxInFlight: number;
  /** How long an idempotency key gives the same certificate (D8). */
  readonly idempotencyMs: number;
}
