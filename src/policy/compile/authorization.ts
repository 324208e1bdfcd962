import type { Leaning } from '../match/clause.ts';
import type { AuthorizationPolicy, PolicyAction } from '../source.ts';
import { type CompiledPolicy, CompiledRule, type DroppedRule } from './compiled-rule.ts';
import type { RuleScope, SharedOperations } from './rule-draft.ts';
import type { Settings } from './settings.ts';
import { keyedAttachments } from './target.ts';

export { type CompiledPolicy, type CompiledRule, ruleId } from './compiled-rule.ts';
export type { Entry, SharedOperations } from './rule-draft.ts';

/** Strict mode refuses what Istio would leave out in silence; then this throws POLICY_NOT_COMPILABLE. */
export function compileAuthorization(
  resource: AuthorizationPolicy,
  hash: string,
  settings: Settings,
  shared: SharedOperations = new Map(),
): CompiledPolicy {
  const { metadata, spec } = resource;
  const rules: CompiledRule[] = [];
  const dropped: DroppedRule[] = [];
  const provider = spec.action === 'CUSTOM' ? (spec.provider ?? '') : undefined;
  const prefix = provider === undefined ? '' : `istio-ext-authz-${provider === '' ? '' : `${provider}-`}`;
  const policy: CompiledPolicy = {
    resource,
    hash,
    ref: Object.freeze({ kind: 'AuthorizationPolicy', namespace: metadata.namespace, name: metadata.name }),
    idPrefix: `${prefix}ns[${metadata.namespace}]-policy[${metadata.name}]-rule[`,
    action: spec.action,
    dryRun: readGoBool(metadata.annotations?.get('istio.io/dry-run')),
    provider,
    rules,
    dropped,
    attachments: keyedAttachments(metadata.namespace, spec),
  };
  const scope: RuleScope = {
    namespace: metadata.namespace,
    trustDomains: settings.trustDomains,
    leaning: leaningOf(spec.action, settings),
    shared,
  };
  for (let index = 0; index < spec.rules.length; index++) {
    const rule = new CompiledRule(policy, index, scope);
    rules.push(rule);
    if (rule.dropped !== undefined) dropped.push({ policy: policy.ref, rule: index, why: rule.dropped });
  }
  return policy;
}

/** Go's `strconv.ParseBool`; what it cannot read is enforced (policy.md §3.11). */
function readGoBool(text: string | undefined): boolean {
  return text !== undefined && ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}

function leaningOf(action: PolicyAction, settings: Settings): Leaning {
  if (!settings.strict) return 'istio';
  return action === 'ALLOW' ? 'strict-allow' : 'strict-other';
}
