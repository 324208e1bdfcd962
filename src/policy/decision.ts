import type { HeaderValue, JsonFields } from './request.ts';

export type Outcome = 'allow' | 'deny';

/** The closed list of `reason` values: metrics, logs, API and docs use these words and no others. */
export const decisionReasons = [
  'allowed_by_policy',
  'allowed_no_policy',
  'denied_by_policy',
  'denied_no_allow_match',
  'peer_plaintext_under_strict',
  'peer_untrusted_root',
  'peer_expired',
  'peer_revoked',
  'peer_unknown_trust_domain',
  'secure_naming_mismatch',
  'jwt_missing',
  'jwt_expired',
  'jwt_not_yet_valid',
  'jwt_bad_signature',
  'jwt_unknown_issuer',
  'jwt_wrong_audience',
  'jwks_unavailable',
  'custom_denied',
  'custom_unavailable',
  'request_malformed',
  'unknown_workload',
  'proxy_not_permitted',
  'overloaded',
  'internal_error',
] as const;

export type DecisionReason = (typeof decisionReasons)[number];

/** In the order in which they run. */
export const stages = [
  'peer_authentication',
  'normalisation',
  'custom',
  'request_authentication',
  'deny',
  'allow',
] as const;

/** The stage that decided. An allow is decided by the last one. */
export type Stage = (typeof stages)[number];

export type PolicyKind = 'PeerAuthentication' | 'RequestAuthentication' | 'AuthorizationPolicy';

export interface PolicyRef {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
}

/** A rule, and which of its entries matched: `from[1]`, `to[0]`; absent where the rule has none. */
export interface MatchedRule {
  readonly policy: PolicyRef;
  readonly index: number;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What the proxy has to do with the request (allow) or answer (deny). Header names are in lower case. */
export interface Effects {
  /** Set on the request upstream, replacing what the client sent. */
  readonly setHeaders: readonly HeaderValue[];
  /** Removed from the request before `setHeaders` is applied. */
  readonly removeHeaders: readonly string[];
  /** Query parameters to remove; `path`, when given, has them removed already. */
  readonly removeParams: readonly string[];
  /**
   * The path (with query) to forward, when it is not the one that was sent: what was decided is what goes on, with the
   * parameters that a CUSTOM provider sets.
   */
  readonly path?: string | undefined;
  /** Only on deny. */
  readonly response?: DenyResponse | undefined;
}

export interface DenyResponse {
  /** HTTP status; 0 for a connection that is closed without an HTTP answer. */
  readonly status: number;
  /** The status for a gRPC client: 7 denied, 16 unauthenticated, 14 unavailable, 3 malformed. */
  readonly grpcStatus: number;
  readonly body: string;
  readonly headers: readonly HeaderValue[];
  /** Envoy's response code detail, e.g. `rbac_access_denied_matched_policy[none]`. */
  readonly detail: string;
}

/** What one dry-run layer said, in Envoy's shadow engine words. */
export interface ShadowResult {
  readonly engineResult: 'allowed' | 'denied';
  readonly policyId?: string | undefined;
}

/** What the outcome would have been, were every dry-run policy enforced beside the others. */
export interface ShadowDecision {
  readonly outcome: Outcome;
  readonly reason: DecisionReason;
  readonly policyId?: string | undefined;
  /** `istio_dry_run_deny_…` and `istio_dry_run_allow_…`; absent when no such policy selects the workload. */
  readonly deny?: ShadowResult | undefined;
  readonly allow?: ShadowResult | undefined;
}

/** The end-user identity that request authentication accepted. */
export interface RequestIdentity {
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly claims: JsonFields;
}

export interface Decision {
  readonly outcome: Outcome;
  readonly reason: DecisionReason;
  readonly stage: Stage;
  /** In Istio's form, e.g. `ns[foo]-policy[bar]-rule[0]`: the first match in lexical order of ids. */
  readonly policyId?: string | undefined;
  readonly rule?: MatchedRule | undefined;
  /** More about the reason, for operators. */
  readonly detail?: string | undefined;
  readonly effects: Effects;
  /** The content revision of the snapshot that decided. */
  readonly revision: string;
  /**
   * Every input that this decision may depend on, e.g. `request.path` or `request.headers[x-role]`: two requests to one
   * workload that agree on these get one answer (under one revision; time enters through the tokens only).
   */
  readonly inputs: readonly string[];
  /** Rules of HTTP or of plain connections: a sniffed or declared TCP port has no HTTP fields. */
  readonly layer: 'http' | 'tcp';
  /** The path that the rules saw. */
  readonly path?: string | undefined;
  /** The AUDIT rule that asked for this request to be logged. */
  readonly auditPolicyId?: string | undefined;
  readonly requestIdentity?: RequestIdentity | undefined;
  /** Present when a dry-run policy selects the workload and the request came as far as those. */
  readonly wouldHave?: ShadowDecision | undefined;
}
