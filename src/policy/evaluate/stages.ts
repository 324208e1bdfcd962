import { ruleId } from '../compile/authorization.ts';
import { ownField } from '../match/context.ts';
import type { JsonData, TokenResult } from '../request.ts';
import { firstMatch } from './first-match.ts';
import { locateTokens } from './locate-tokens.ts';
import { closedConnection, malformedResponse, rbacResponse, tokenResponse } from './responses.ts';
import type { Denial, EvaluationState } from './state.ts';
import { readTarget } from './target.ts';
import { isPreflight, judgeTokens, tokenReasons } from './token-stage.ts';

/** Stage 1: what kind of connection the port takes. */
export function checkPeer({ admission }: EvaluationState): Denial | undefined {
  if (admission.ok) return undefined;
  const { reason, detail } = admission;
  return { stage: 'peer_authentication', reason, detail, response: closedConnection(reason) };
}

/** Stage 2: the request line is well formed, and every rule sees one spelling of the path. */
export function normalise(state: EvaluationState): Denial | undefined {
  const { http } = state.context;
  if (http === undefined) return undefined;
  const read = readTarget(http, state.snapshot.settings);
  if (!read.ok)
    return {
      stage: 'normalisation',
      reason: 'request_malformed',
      detail: read.fault,
      response: malformedResponse(read.fault),
    };
  state.context.path = read.path;
  state.target = read.query === '' ? read.path : read.path + read.query;
  if (http.method !== 'CONNECT') state.effects.forward(state.target);
  return undefined;
}

/** Stage 4: tokens, where a rule asks for them. Runs after CUSTOM (policy.md §0). */
export function authenticateRequest(state: EvaluationState): Denial | undefined {
  const { tokenRules } = state.view;
  const { http } = state.context;
  if (http === undefined || tokenRules.length === 0 || isPreflight(http)) return undefined;
  state.effects.sanitise(tokenRules);
  const tokens = state.request.tokens ?? unverifiedTokens(state);
  const outcome = judgeTokens(tokenRules, tokens, state.isStrict);
  if (!outcome.ok) {
    const { fault, message, rule } = outcome;
    return {
      stage: 'request_authentication',
      reason: tokenReasons[fault],
      detail: `${message} (RequestAuthentication ${rule.ref.policy.namespace}/${rule.ref.policy.name}, rule ${rule.ref.index})`,
      response: tokenResponse(http, state.target, { fault, message }),
    };
  }
  if (outcome.rule === undefined) return undefined;
  state.effects.accept(outcome.rule, outcome.tokens);
  const claims = outcome.tokens.at(-1)?.claims ?? {};
  state.context.token = { claims, delimited: outcome.rule.delimited };
  state.identity = {
    claims,
    issuer: asText(ownField(claims, 'iss')),
    subject: asText(ownField(claims, 'sub')),
  };
  return undefined;
}

/** Nobody verified: whatever stands at a place that counts is refused rather than overlooked. */
function unverifiedTokens({ snapshot, request }: EvaluationState): readonly TokenResult[] {
  return locateTokens(snapshot, request).map(({ place }) => ({
    ok: false,
    place,
    fault: 'keys-unavailable',
  }));
}

function asText(value: JsonData): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Stage 5: AUDIT never changes the outcome; it asks for the request to be logged. */
export function audit(state: EvaluationState): undefined {
  state.auditRule = firstMatch(state.view.audit, state.context);
}

/** Stage 6. */
export function checkDeny(state: EvaluationState): Denial | undefined {
  const { view, context } = state;
  state.shadowDeny = firstMatch(view.dryDeny, context);
  const rule = firstMatch(view.deny, context);
  if (rule === undefined) return undefined;
  const policyId = ruleId(rule);
  const response = rbacResponse(policyId);
  return {
    stage: 'deny',
    reason: 'denied_by_policy',
    policyId,
    rule,
    response: context.http === undefined ? closedConnection(response.detail) : response,
  };
}

/** Stage 7: without any enforced ALLOW policy Istio allows; strict mode does not (Z28). */
export function checkAllow(state: EvaluationState): Denial | undefined {
  const { view, context } = state;
  state.shadowAllow = firstMatch(view.dryAllow, context);
  if (view.allow.length === 0 && !state.isStrict) return undefined;
  state.allowRule = firstMatch(view.allow, context);
  if (state.allowRule !== undefined) return undefined;
  const response = rbacResponse(undefined);
  return {
    stage: 'allow',
    reason: 'denied_no_allow_match',
    detail:
      view.allow.length === 0 ? 'no ALLOW policy selects the workload, and strict mode wants one' : undefined,
    response: context.http === undefined ? closedConnection(response.detail) : response,
  };
}
