import { compile } from '../compile/steps.ts';
import type { Decision } from '../decision.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { EvaluationState } from '../evaluate/state.ts';
import type { PolicySuggestion, RequestChange, RequestSuggestion, Suggestion } from '../explanation.ts';
import type { CompilableResource } from '../source.ts';
import { policyCandidates, requestCandidates } from './candidates.ts';
import { changeResources } from './change-policy.ts';
import { changeRequest } from './change-request.ts';
import type { Miss } from './nearest.ts';

/** More would not be read. */
const maxPerKind = 4;

/** What would change the outcome, each one tried: applied alone, it does. */
export function suggest(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): readonly Suggestion[] {
  return [...suggestRequests(decision, state, misses), ...suggestPolicies(decision, state, misses)];
}

function suggestRequests(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): readonly RequestSuggestion[] {
  const found = new Map<string, RequestSuggestion>();
  for (const changes of requestCandidates(decision, state, misses)) {
    if (found.size >= maxPerKind) break;
    const text = changes.map(describeChange).join(', ');
    if (!found.has(text) && flipsWith(decision, state, changes))
      found.set(text, { kind: 'request', text, changes });
  }
  return [...found.values()];
}

function flipsWith(decision: Decision, state: EvaluationState, changes: readonly RequestChange[]): boolean {
  const changed = changeRequest(state.request, changes);
  if (changed === undefined) return false;
  const { outcome, reason } = evaluate(state.snapshot, changed);
  return outcome !== decision.outcome && reason !== 'request_malformed';
}

function suggestPolicies(
  decision: Decision,
  state: EvaluationState,
  misses: readonly Miss[],
): readonly PolicySuggestion[] {
  const resources = relevantResources(state);
  const found: PolicySuggestion[] = [];
  for (const candidate of policyCandidates(decision, state, misses)) {
    if (found.length >= maxPerKind) break;
    if (flipsUnder(decision, state, changeResources(resources, candidate))) found.push(candidate);
  }
  return found;
}

function flipsUnder(
  decision: Decision,
  state: EvaluationState,
  resources: readonly CompilableResource[] | undefined,
): boolean {
  if (resources === undefined) return false;
  try {
    const snapshot = compile(resources, state.snapshot.internals.engineSettings);
    return evaluate(snapshot, state.request).outcome !== decision.outcome;
  } catch {
    // Strict mode refused the changed policy: then the change is no advice.
    return false;
  }
}

/** All that can have a say about this workload: enough to decide this request as the whole snapshot would. */
function relevantResources({ snapshot, view }: EvaluationState): readonly CompilableResource[] {
  const policies = new Set(view.groups.flatMap((group) => group.policies));
  const resources: CompilableResource[] = [...policies].map(({ resource }) => resource);
  for (const { resource } of snapshot.internals.entries.values())
    if (resource.kind === 'PeerAuthentication' || resource.kind === 'RequestAuthentication')
      resources.push(resource);
  return resources;
}

function describeChange(change: RequestChange): string {
  switch (change.set) {
    case 'tls':
      return change.value === 'none' ? 'plaintext' : 'mutual TLS';
    case 'peer':
      return change.value === undefined ? 'no peer identity' : `peer \`${change.value}\``;
    case 'header':
      return change.value === undefined
        ? `no header \`${change.name}\``
        : `header \`${change.name}: ${change.value}\``;
    case 'claim':
      return `claim \`${change.path.join('.')}\` = \`${change.value}\``;
    case 'claims':
      return `a token of \`${change.issuer}\` for \`${change.subject}\``;
    case 'tokens':
      return 'no token';
    case 'custom':
      return `provider \`${change.provider}\` allows`;
    case 'destinationPort':
      return `port ${change.value}`;
    default:
      return `${names[change.set]} \`${change.value}\``;
  }
}

const names = {
  sourceIp: 'source address',
  remoteIp: 'client address',
  destinationIp: 'destination address',
  sni: 'SNI',
  method: 'method',
  authority: 'host',
  path: 'path',
} as const;
