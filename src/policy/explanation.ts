import type { Decision, MatchedRule, PolicyRef, Stage } from './decision.ts';
import type { JwtRuleSpec, MtlsMode, PolicyAction } from './source.ts';

/** One condition, and how it came out. `matched` is the condition's own truth, its `not` applied. */
export interface ClauseTrace {
  /** E.g. `source.principals`, `operation.notPaths`, `when[request.headers[x-role]].values`. */
  readonly field: string;
  readonly wanted: readonly string[];
  /** What the request had; empty when it had nothing of the kind. */
  readonly got: readonly string[];
  readonly matched: boolean;
  readonly note?: string | undefined;
}

/** One entry of `from` or `to`; entries are alternatives, its clauses are all needed. */
export interface EntryTrace {
  readonly index: number;
  readonly matched: boolean;
  readonly clauses: readonly ClauseTrace[];
}

export interface RuleTrace {
  readonly id: string;
  readonly index: number;
  readonly matched: boolean;
  readonly from: readonly EntryTrace[];
  readonly to: readonly EntryTrace[];
  readonly when: readonly ClauseTrace[];
  /** Clauses that failed on the way that failed least; 0 when it matched. */
  readonly failedClauses: number;
  /** Why the rule can never match here, e.g. an HTTP field on a TCP connection. */
  readonly note?: string | undefined;
}

export interface PolicyTrace {
  readonly policy: PolicyRef;
  readonly action: PolicyAction;
  readonly dryRun: boolean;
  readonly provider?: string | undefined;
  readonly matched: boolean;
  readonly rules: readonly RuleTrace[];
  readonly note?: string | undefined;
}

export interface TokenTrace {
  readonly rule: RequestRuleRef;
  readonly found: number;
  readonly result: 'missing' | 'accepted' | 'refused';
  readonly note?: string | undefined;
}

export interface StageTrace {
  readonly stage: Stage;
  /** Whether the decision came as far as this stage; traces of policies are complete either way. */
  readonly reached: boolean;
  readonly summary: string;
  readonly policies: readonly PolicyTrace[];
  readonly tokens: readonly TokenTrace[];
}

/** The rule that came nearest to deciding otherwise. */
export interface NearestMiss {
  readonly id: string;
  readonly rule: MatchedRule;
  readonly action: PolicyAction;
  readonly failed: readonly ClauseTrace[];
}

/** A concrete change that, applied alone, changes the outcome: checked with `evaluate` before it is told. */
export type Suggestion = RequestSuggestion | PolicySuggestion;

export interface RequestSuggestion {
  readonly kind: 'request';
  readonly text: string;
  readonly changes: readonly RequestChange[];
}

export type RequestChange =
  | { readonly set: 'tls'; readonly value: 'mutual' | 'none' }
  | { readonly set: 'peer'; readonly value: string | undefined }
  | { readonly set: 'sourceIp' | 'remoteIp' | 'destinationIp'; readonly value: string }
  | { readonly set: 'destinationPort'; readonly value: number }
  | { readonly set: 'sni' | 'method' | 'authority' | 'path'; readonly value: string }
  | { readonly set: 'header'; readonly name: string; readonly value: string | undefined }
  | { readonly set: 'claim'; readonly path: readonly string[]; readonly value: string }
  | { readonly set: 'claims'; readonly issuer: string; readonly subject: string }
  | { readonly set: 'tokens'; readonly value: 'none' }
  | { readonly set: 'custom'; readonly provider: string; readonly value: 'allow' };

export interface PolicySuggestion {
  readonly kind: 'policy';
  readonly text: string;
  readonly policy: PolicyRef;
  readonly change: PolicyChange;
}

export type PolicyChange =
  | {
      readonly do: 'add-values';
      readonly rule: number;
      readonly at: string;
      readonly values: readonly string[];
    }
  | { readonly do: 'remove-rule'; readonly rule: number }
  | { readonly do: 'remove-policy' }
  | { readonly do: 'set-mode'; readonly port?: number | undefined; readonly mode: MtlsMode }
  | { readonly do: 'create-allow'; readonly rule: Readonly<Record<string, readonly string[]>> };

export interface Explanation {
  readonly decision: Decision;
  /** All of it in one sentence: what decided, and for a default deny what came nearest. */
  readonly sentence: string;
  readonly stages: readonly StageTrace[];
  readonly nearestMiss?: NearestMiss | undefined;
  readonly suggestions: readonly Suggestion[];
  /** One sentence per fact used: certificate, TLS, claims. */
  readonly facts: Readonly<Record<string, string>>;
  readonly revision: string;
}

/** One `jwtRules` entry, by the RequestAuthentication that holds it. */
export interface RequestRuleRef {
  /** `namespace/name/index`. */
  readonly id: string;
  readonly policy: PolicyRef;
  readonly index: number;
  readonly spec: JwtRuleSpec;
}

export interface EffectivePeerAuthentication {
  readonly mode: Exclude<MtlsMode, 'UNSET'>;
  readonly port?: number | undefined;
  /** The policy that set it; absent for the built-in PERMISSIVE and for HBONE. */
  readonly setBy?: PolicyRef | undefined;
  readonly level: 'default' | 'mesh' | 'namespace' | 'workload' | 'port' | 'hbone' | 'none';
  /** Policies that apply to the workload but were overruled, with the reason. */
  readonly overruled: readonly { readonly policy: PolicyRef; readonly why: string }[];
}
