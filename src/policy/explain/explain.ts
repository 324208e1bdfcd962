import type { CompiledPolicy } from '../compile/authorization.ts';
import { compareText } from '../compile/budget.ts';
import type { Decision, Stage } from '../decision.ts';
import { stages as stageOrder } from '../decision.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { authenticateRequest, normalise } from '../evaluate/stages.ts';
import { EvaluationState } from '../evaluate/state.ts';
import { judgeRule } from '../evaluate/token-stage.ts';
import type { Explanation, PolicyTrace, StageTrace, TokenTrace } from '../explanation.ts';
import { modeAtPort } from '../query/effective-mtls.ts';
import type { AuthzRequest } from '../request.ts';
import type { PolicySnapshot } from '../snapshot.ts';
import type { PolicyAction } from '../source.ts';
import { describeMiss, nearestMisses } from './nearest.ts';
import { sentenceOf } from './sentence.ts';
import { suggest } from './suggest.ts';
import { tracePolicy } from './trace.ts';

/**
 * Everything about one decision (experience.md §4.6): it is made by `evaluate` itself, and the traces ask the same
 * compiled clauses, so the two cannot disagree. Stages that were not reached are traced as they would have seen the
 * request. Suggestions are what costs: `suggest: false` leaves them out.
 */
export function explain(
  snapshot: PolicySnapshot,
  request: AuthzRequest,
  options: { readonly suggest?: boolean } = {},
): Explanation {
  const decision = evaluate(snapshot, request);
  const state = stateForTraces(snapshot, request);
  const isReached = reachedUpTo(decision.stage);
  normalise(state);
  // CUSTOM runs before tokens are looked at, so it is traced before (policy.md §0).
  const custom = tracePolicies(state, ['CUSTOM']);
  authenticateRequest(state);
  const misses = nearestMisses(decision, state.view, state.context);
  const nearest = misses[0];
  const stage = (name: Stage, summary: string, policies: readonly PolicyTrace[] = []): StageTrace => ({
    stage: name,
    reached: isReached(name),
    summary,
    policies,
    tokens: name === 'request_authentication' ? traceTokens(state) : [],
  });
  const stages: readonly StageTrace[] = [
    stage('peer_authentication', peerSummary(state, decision)),
    stage('normalisation', pathSummary(state, decision)),
    stage('custom', summarise(custom, 'CUSTOM'), custom),
    stage('request_authentication', tokenSummary(state, decision)),
    ...(['deny', 'allow'] as const).map((name) => {
      const policies = tracePolicies(state, name === 'deny' ? ['AUDIT', 'DENY'] : ['ALLOW']);
      return stage(name, summarise(policies, name === 'deny' ? 'DENY' : 'ALLOW'), policies);
    }),
  ];
  const nearestMiss = nearest && describeMiss(nearest);
  return {
    decision,
    sentence: sentenceOf({
      decision,
      stages,
      nearestMiss,
      request,
      view: state.view,
      settings: snapshot.settings,
    }),
    stages,
    nearestMiss,
    suggestions:
      options.suggest === false || decision.reason === 'internal_error'
        ? []
        : suggest(decision, state, misses),
    facts: factsOf(state),
    revision: snapshot.revision,
  };
}

/** A connection that was refused is traced as if it had been let in: what the later stages would have said. */
function stateForTraces(snapshot: PolicySnapshot, request: AuthzRequest): EvaluationState {
  const state = new EvaluationState(snapshot, request);
  if (state.admission.ok) return state;
  const { tls, peer } = request.connection;
  return new EvaluationState(snapshot, request, {
    ok: true,
    layer: request.http === undefined ? 'tcp' : 'http',
    hasIdentity: tls === 'mutual' && peer !== undefined,
  });
}

function reachedUpTo(last: Stage): (stage: Stage) => boolean {
  return (stage) => stageOrder.indexOf(stage) <= stageOrder.indexOf(last);
}

function tracePolicies(
  { view, context }: EvaluationState,
  actions: readonly PolicyAction[],
): readonly PolicyTrace[] {
  const policies: readonly CompiledPolicy[] = view.groups.flatMap((group) => group.policies);
  return actions.flatMap((action) =>
    policies
      .filter((policy) => policy.action === action)
      .sort((a, b) => compareText(a.idPrefix, b.idPrefix))
      .map((policy) => tracePolicy(policy, context)),
  );
}

/** Default deny is attributed too: it names how many had the chance. */
function summarise(policies: readonly PolicyTrace[], action: 'CUSTOM' | 'DENY' | 'ALLOW'): string {
  const enforced = policies.filter((policy) => policy.action === action && !policy.dryRun);
  const matching = enforced
    .flatMap(({ rules }) => rules.filter(({ matched }) => matched))
    .map(({ id }) => id);
  if (enforced.length === 0) return `no ${action} policy selects this workload`;
  const [first] = matching.sort();
  if (first !== undefined) return `${first} matches`;
  return `no rule of ${enforced.length} ${action} ${enforced.length === 1 ? 'policy' : 'policies'} matches`;
}

function peerSummary({ view, request }: EvaluationState, { stage, detail }: Decision): string {
  const mode =
    request.destination.proxy === 'gateway'
      ? 'gateway'
      : modeAtPort(view.mtls, request.connection.destinationPort);
  const setBy =
    view.mtls.setBy === undefined ? 'by default' : `by ${view.mtls.setBy.namespace}/${view.mtls.setBy.name}`;
  return stage === 'peer_authentication' ? `${mode} ${setBy}: ${detail ?? ''}` : `${mode} ${setBy}`;
}

function pathSummary({ context, request }: EvaluationState, { stage, detail }: Decision): string {
  if (stage === 'normalisation') return detail ?? 'malformed';
  if (context.http === undefined) return 'a plain connection has no path';
  return context.path === request.http?.path ? 'unchanged' : `seen as \`${context.path}\``;
}

function tokenSummary({ view, identity }: EvaluationState, { stage, detail }: Decision): string {
  if (stage === 'request_authentication') return detail ?? 'refused';
  if (view.tokenRules.length === 0) return 'no RequestAuthentication selects this workload';
  return identity === undefined
    ? 'no token: no request identity'
    : `a token of \`${identity.issuer ?? ''}\` was accepted`;
}

function traceTokens({ view, request }: EvaluationState): readonly TokenTrace[] {
  const tokens = request.tokens ?? [];
  return view.tokenRules.map((rule) => {
    const verdict = judgeRule(rule, tokens);
    return {
      rule: rule.ref,
      found: verdict.kind === 'accepted' ? verdict.tokens.length : verdict.kind === 'refused' ? 1 : 0,
      result: verdict.kind,
      note: verdict.kind === 'refused' ? verdict.message : undefined,
    };
  });
}

function factsOf({
  request,
  context,
  view,
  identity,
  snapshot,
}: EvaluationState): Readonly<Record<string, string>> {
  const { connection, destination } = request;
  const facts: Record<string, string> = {
    tls: connection.tls,
    peer: context.peer?.uri ?? 'none',
    source_ip: context.sourceIp?.text ?? 'unknown',
    destination: `${destination.namespace}/${destination.name ?? ''}:${connection.destinationPort}`,
    mtls_mode: modeAtPort(view.mtls, connection.destinationPort),
    policy_revision: snapshot.revision,
  };
  if (connection.sni !== undefined) facts.sni = connection.sni;
  if (connection.peerProblem !== undefined) facts.peer_problem = connection.peerProblem;
  if (context.http !== undefined) facts.path = context.path;
  if (identity !== undefined) facts.request_principal = `${identity.issuer ?? ''}/${identity.subject ?? ''}`;
  return facts;
}
