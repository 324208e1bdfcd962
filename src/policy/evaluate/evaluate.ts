import { type CompiledRule, ruleId } from '../compile/authorization.ts';
import type { Decision, ShadowDecision } from '../decision.ts';
import type { AuthzRequest } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import { checkCustom, neededProviders } from './custom-stage.ts';
import { denyEffects, internalResponse } from './responses.ts';
import { audit, authenticateRequest, checkAllow, checkDeny, checkPeer, normalise } from './stages.ts';
import { type Denial, describeMatch, EvaluationState } from './state.ts';

/**
 * Decides one request against one snapshot: pure, total, in Istio's order (policy.md §0). Whatever goes wrong inside is a
 * deny that says so (`internal_error`), never an exception.
 */
export function evaluate(snapshot: PolicySnapshot, request: AuthzRequest): Decision {
  try {
    const state = new EvaluationState(snapshot, request);
    const denial = runStages(state);
    return denial === undefined ? allow(state) : deny(state, denial);
  } catch (error) {
    return internalError(snapshot, request, error);
  }
}

/** D17: the CUSTOM providers that `evaluate` will ask about, in the order in which they are asked. */
export function providersNeeded(snapshot: PolicySnapshot, request: AuthzRequest): readonly string[] {
  try {
    const state = new EvaluationState(snapshot, request);
    return (checkPeer(state) ?? normalise(state)) === undefined ? neededProviders(state) : [];
  } catch {
    return [];
  }
}

/** The stages in their order; the first that denies ends it. */
export function runStages(state: EvaluationState): Denial | undefined {
  return (
    checkPeer(state) ??
    normalise(state) ??
    checkCustom(state) ??
    authenticateRequest(state) ??
    audit(state) ??
    checkDeny(state) ??
    checkAllow(state)
  );
}

function allow(state: EvaluationState): Decision {
  const rule = state.allowRule;
  return {
    outcome: 'allow',
    reason: rule === undefined ? 'allowed_no_policy' : 'allowed_by_policy',
    stage: 'allow',
    policyId: rule && ruleId(rule),
    rule: rule && describeMatch(rule, state.context),
    detail: undefined,
    effects: state.effects.build(),
    ...common(state),
    wouldHave: shadow(state, undefined),
  };
}

export function deny(state: EvaluationState, denial: Denial): Decision {
  return {
    outcome: 'deny',
    reason: denial.reason,
    stage: denial.stage,
    policyId: denial.policyId,
    rule: denial.rule && describeMatch(denial.rule, state.context),
    detail: denial.detail,
    effects: denyEffects(denial.response),
    ...common(state),
    inputs: denial.stage === 'peer_authentication' ? state.view.inputs.connection : common(state).inputs,
    wouldHave: shadow(state, denial),
  };
}

function common(state: EvaluationState) {
  const { context, snapshot, view, auditRule } = state;
  const isHttp = context.http !== undefined;
  return {
    revision: snapshot.revision,
    inputs: isHttp ? view.inputs.http : view.inputs.tcp,
    layer: isHttp ? ('http' as const) : ('tcp' as const),
    path: isHttp ? context.path : undefined,
    auditPolicyId: auditRule && ruleId(auditRule),
    requestIdentity: state.identity,
  };
}

/** What would be, were the dry-run policies enforced beside the others; only for requests that came as far as those. */
function shadow(state: EvaluationState, denial: Denial | undefined): ShadowDecision | undefined {
  const { view, shadowDeny, shadowAllow } = state;
  if (view.dryDeny.length + view.dryAllow.length === 0) return undefined;
  if (denial !== undefined && denial.stage !== 'deny' && denial.stage !== 'allow') return undefined;
  const denyResult = view.dryDeny.length === 0 ? undefined : engineResult(shadowDeny, 'denied', 'allowed');
  if (denial?.stage === 'deny')
    return { outcome: 'deny', reason: denial.reason, policyId: denial.policyId, deny: denyResult };
  const allowResult = view.dryAllow.length === 0 ? undefined : engineResult(shadowAllow, 'allowed', 'denied');
  const both = { deny: denyResult, allow: allowResult };
  if (shadowDeny !== undefined)
    return { outcome: 'deny', reason: 'denied_by_policy', policyId: ruleId(shadowDeny), ...both };
  if (view.allow.length + view.dryAllow.length === 0 && denial === undefined)
    return { outcome: 'allow', reason: 'allowed_no_policy', ...both };
  const allowedBy = firstOf(state.allowRule, shadowAllow);
  return allowedBy === undefined
    ? { outcome: 'deny', reason: 'denied_no_allow_match', ...both }
    : { outcome: 'allow', reason: 'allowed_by_policy', policyId: allowedBy, ...both };
}

function engineResult(
  rule: CompiledRule | undefined,
  matched: 'allowed' | 'denied',
  otherwise: 'allowed' | 'denied',
): ShadowDecision['deny'] {
  return { engineResult: rule === undefined ? otherwise : matched, policyId: rule && ruleId(rule) };
}

function firstOf(a: CompiledRule | undefined, b: CompiledRule | undefined): string | undefined {
  const ids = [a, b].filter((rule) => rule !== undefined).map(ruleId);
  return ids.sort()[0];
}

function internalError(snapshot: PolicySnapshot, request: AuthzRequest, error: unknown): Decision {
  return {
    outcome: 'deny',
    reason: 'internal_error',
    stage: 'peer_authentication',
    detail: error instanceof Error ? error.message : 'an error without a message',
    effects: denyEffects(internalResponse(request.http !== undefined)),
    revision: snapshot.revision,
    inputs: [],
    layer: request.http === undefined ? 'tcp' : 'http',
  };
}
