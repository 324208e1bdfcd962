import type { CompiledRule } from '../compile/authorization.ts';
import type { DecisionReason, DenyResponse, MatchedRule, RequestIdentity, Stage } from '../decision.ts';
import { MatchContext } from '../match/context.ts';
import { matchingEntry } from '../match/rule.ts';
import type { AuthzRequest } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { WorkloadView } from '../view.ts';
import { viewOf } from '../workload-view.ts';
import { type Admission, admitConnection } from './connection.ts';
import { EffectsDraft } from './effects.ts';

/** One evaluation under way. Each stage reads what the stages before it have put here. */
export class EvaluationState {
  readonly snapshot: PolicySnapshot;
  readonly request: AuthzRequest;
  readonly view: WorkloadView;
  readonly admission: Admission;
  readonly context: MatchContext;
  readonly effects: EffectsDraft;
  /** The normalised path with its query. */
  target = '';
  auditRule: CompiledRule | undefined = undefined;
  identity: RequestIdentity | undefined = undefined;
  allowRule: CompiledRule | undefined = undefined;
  shadowDeny: CompiledRule | undefined = undefined;
  shadowAllow: CompiledRule | undefined = undefined;

  /** `admission`: instead of what peer authentication says; for explaining what later stages would have seen. */
  constructor(snapshot: PolicySnapshot, request: AuthzRequest, admission?: Admission) {
    this.snapshot = snapshot;
    this.request = request;
    this.view = viewOf(snapshot, request.destination);
    this.admission = admission ?? admitConnection(this.view.mtls, request, snapshot.settings);
    const http = this.admission.ok && this.admission.layer === 'http' ? request.http : undefined;
    this.context = new MatchContext(request, this.admission.ok && this.admission.hasIdentity, http);
    this.effects = new EffectsDraft(http);
  }

  get isStrict(): boolean {
    return this.snapshot.settings.strict;
  }
}

/** Why a stage ends the evaluation. A stage that lets pass returns undefined. */
export interface Denial {
  readonly stage: Stage;
  readonly reason: DecisionReason;
  readonly response: DenyResponse;
  readonly policyId?: string | undefined;
  readonly rule?: CompiledRule | undefined;
  readonly detail?: string | undefined;
}

export function describeMatch(rule: CompiledRule, context: MatchContext): MatchedRule {
  return {
    policy: rule.policy.ref,
    index: rule.index,
    from: matchingEntry(rule.from, context),
    to: matchingEntry(rule.to, context),
  };
}
