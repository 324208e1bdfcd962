import {
  type AuthzRequest,
  type CompilableResource,
  changeRequest,
  changeResources,
  compile,
  type Explanation,
  evaluate,
  explain,
  type PolicySnapshot,
  type PolicyTrace,
} from '../../src/policy/index.ts';

/** What is wrong with an explanation, seen from outside: nothing, when it holds what it promises. */
export function checkExplanation(
  snapshot: PolicySnapshot,
  resources: readonly CompilableResource[],
  request: AuthzRequest,
): readonly string[] {
  const decision = evaluate(snapshot, request);
  const explanation = explain(snapshot, request);
  const wrong: string[] = [];
  if (JSON.stringify(explanation.decision) !== JSON.stringify(decision)) wrong.push('the decisions differ');
  if (decision.stage !== 'peer_authentication' && decision.stage !== 'normalisation')
    wrong.push(...checkTraces(explanation));
  for (const suggestion of explanation.suggestions) {
    const outcome =
      suggestion.kind === 'request'
        ? outcomeOf(snapshot, changeRequest(request, suggestion.changes))
        : outcomeUnder(changeResources(resources, suggestion), snapshot, request);
    if (outcome === undefined || outcome === decision.outcome) wrong.push(`no flip: ${suggestion.text}`);
  }
  return wrong;
}

function outcomeOf(snapshot: PolicySnapshot, request: AuthzRequest | undefined): string | undefined {
  return request && evaluate(snapshot, request).outcome;
}

function outcomeUnder(
  resources: readonly CompilableResource[] | undefined,
  { internals }: PolicySnapshot,
  request: AuthzRequest,
): string | undefined {
  return resources && evaluate(compile(resources, internals.engineSettings), request).outcome;
}

/** The traces alone must lead to the decision that was made. */
function checkTraces({ decision, stages }: Explanation): readonly string[] {
  const wrong: string[] = [];
  const denying = matchingIds(stages.find(({ stage }) => stage === 'deny')?.policies ?? [], 'DENY');
  const allowing = matchingIds(stages.find(({ stage }) => stage === 'allow')?.policies ?? [], 'ALLOW');
  if (decision.stage === 'deny' && denying[0] !== decision.policyId)
    wrong.push('another DENY rule is traced');
  if (decision.stage === 'allow' && denying.length > 0) wrong.push('a DENY rule is traced as matching');
  if (decision.stage === 'allow' && allowing[0] !== decision.policyId)
    wrong.push('another ALLOW rule is traced');
  return wrong;
}

function matchingIds(policies: readonly PolicyTrace[], action: string): readonly string[] {
  return policies
    .filter((policy) => policy.action === action && !policy.dryRun)
    .flatMap(({ rules }) => rules.filter(({ matched }) => matched))
    .map(({ id }) => id)
    .sort();
}
