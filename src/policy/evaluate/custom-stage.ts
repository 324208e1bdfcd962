import { type CompiledRule, ruleId } from '../compile/authorization.ts';
import type { CustomLayer } from '../view.ts';
import { firstMatch } from './first-match.ts';
import { closedConnection, customResponse, rbacResponse } from './responses.ts';
import type { Denial, EvaluationState } from './state.ts';

/** Istio's ending for ids of CUSTOM rules whose provider cannot be used. */
const badProviderSuffix = '-deny-due-to-bad-CUSTOM-action';

/** policy.md §3.12, D17: every provider whose rules match must have said yes; it runs before any token is looked at. */
export function checkCustom(state: EvaluationState): Denial | undefined {
  for (const layer of state.view.custom) {
    const denial = checkLayer(layer, state);
    if (denial !== undefined) return denial;
  }
  return undefined;
}

/** The providers whose answers will be wanted, in the order in which they are asked. */
export function neededProviders(state: EvaluationState): readonly string[] {
  return state.view.custom
    .filter(
      (layer) => isAsked(layer, state) && firstMatch(enforcedSets(layer, state), state.context) !== undefined,
    )
    .map(({ name }) => name);
}

function isAsked({ provider, isSelf }: CustomLayer, state: EvaluationState): boolean {
  return provider !== undefined && !isSelf && !isSkipped(provider.protocol, state);
}

/** An HTTP provider cannot be asked about a plain connection, and Istio then asks nobody. */
function isSkipped(protocol: 'http' | 'grpc', state: EvaluationState): boolean {
  return protocol === 'http' && state.context.http === undefined;
}

/** Strict mode knows no dry run of CUSTOM: the annotation is a mistake there, and the rules are enforced. */
function enforcedSets({ sets, drySets }: CustomLayer, state: EvaluationState): CustomLayer['sets'] {
  return state.isStrict ? [...sets, ...drySets] : sets;
}

function checkLayer(layer: CustomLayer, state: EvaluationState): Denial | undefined {
  const { provider } = layer;
  if (provider !== undefined && isSkipped(provider.protocol, state)) return undefined;
  const dry = state.isStrict ? undefined : firstMatch(layer.drySets, state.context);
  if (dry !== undefined) return denyDryRun(dry, state);
  if (provider === undefined) return denyForBadProvider(layer, state);
  const rule = firstMatch(enforcedSets(layer, state), state.context);
  if (rule === undefined || layer.isSelf) return undefined;
  const result = state.request.custom?.get(layer.name);
  if (result?.outcome === 'allow') {
    state.effects.custom(result);
    return undefined;
  }
  if (result?.outcome === 'unavailable' && provider.failOpen) return undefined;
  const isDenied = result?.outcome === 'deny';
  return {
    stage: 'custom',
    reason: isDenied ? 'custom_denied' : 'custom_unavailable',
    policyId: ruleId(rule),
    rule,
    detail: `provider \`${layer.name}\` ${result?.detail ?? (isDenied ? 'denied' : result === undefined ? 'was not asked' : 'did not answer')}`,
    response: onLayer(state, customResponse(result, provider.statusOnError)),
  };
}

function denyForBadProvider(layer: CustomLayer, state: EvaluationState): Denial | undefined {
  const rule = firstMatch(enforcedSets(layer, state), state.context);
  if (rule === undefined) return undefined;
  const policyId = ruleId(rule) + badProviderSuffix;
  const why = state.view.custom.length > 1 ? 'is one of several for this workload' : 'is not in MeshConfig';
  return {
    stage: 'custom',
    reason: 'custom_unavailable',
    policyId,
    rule,
    detail: `provider \`${layer.name}\` ${why}`,
    response: onLayer(state, rbacResponse(policyId)),
  };
}

/** Istio puts the dry-run rules of CUSTOM among the enforced ones, as a DENY (policy.md §3.11). */
function denyDryRun(rule: CompiledRule, state: EvaluationState): Denial {
  const policyId = ruleId(rule);
  return {
    stage: 'custom',
    reason: 'denied_by_policy',
    policyId,
    rule,
    detail: 'a dry-run CUSTOM policy denies what it matches, as in Istio',
    response: onLayer(state, rbacResponse(policyId)),
  };
}

function onLayer(state: EvaluationState, response: Denial['response']): Denial['response'] {
  return state.context.http === undefined ? closedConnection(response.detail) : response;
}
