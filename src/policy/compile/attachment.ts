import type { CompiledPolicy } from './authorization.ts';
import type { Budget, Steps } from './budget.ts';
import { buildRuleSet, type RuleSet } from './rule-set.ts';
import type { Attachment } from './target.ts';
import { inputsOf } from './used-fields.ts';

/** Policies with one attachment: they select the same workloads, so they are indexed together. */
export interface Group {
  readonly namespace: string;
  readonly attachment: Attachment;
  readonly policies: readonly CompiledPolicy[];
  readonly audit: RuleSet | undefined;
  readonly deny: RuleSet | undefined;
  readonly allow: RuleSet | undefined;
  readonly dryDeny: RuleSet | undefined;
  readonly dryAllow: RuleSet | undefined;
  /** CUSTOM policies by provider. */
  readonly custom: ReadonlyMap<string, RuleSet>;
  readonly dryCustom: ReadonlyMap<string, RuleSet>;
  /** What its rules may read. */
  readonly inputs: ReadonlySet<string>;
}

type Layer = 'audit' | 'deny' | 'allow' | 'dryDeny' | 'dryAllow';

export function* buildGroup(
  at: Pick<Group, 'namespace' | 'attachment'>,
  policies: readonly CompiledPolicy[],
  budget: Budget,
): Steps<Group> {
  const layers = new Map<Layer, CompiledPolicy[]>();
  const custom = new Map<string, CompiledPolicy[]>();
  const dryCustom = new Map<string, CompiledPolicy[]>();
  const inputs = new Set<string>();
  for (const policy of policies) {
    if (policy.provider !== undefined) push(policy.dryRun ? dryCustom : custom, policy.provider, policy);
    else {
      const layer = layerOf(policy);
      if (layer !== undefined) push(layers, layer, policy);
    }
    collectInputs(policy, inputs);
    if (budget.spend(1)) yield undefined;
  }
  const set = function* (layer: Layer): Steps<RuleSet | undefined> {
    const members = layers.get(layer);
    return members && (yield* buildRuleSet(members, budget));
  };
  return {
    ...at,
    policies,
    audit: yield* set('audit'),
    deny: yield* set('deny'),
    allow: yield* set('allow'),
    dryDeny: yield* set('dryDeny'),
    dryAllow: yield* set('dryAllow'),
    custom: yield* buildSets(custom, budget),
    dryCustom: yield* buildSets(dryCustom, budget),
    inputs,
  };
}

function* buildSets(
  members: ReadonlyMap<string, readonly CompiledPolicy[]>,
  budget: Budget,
): Steps<ReadonlyMap<string, RuleSet>> {
  if (members.size === 0) return noSets;
  const sets = new Map<string, RuleSet>();
  for (const [provider, policies] of members) sets.set(provider, yield* buildRuleSet(policies, budget));
  return sets;
}

const noSets: ReadonlyMap<string, RuleSet> = new Map();

/** A dry-run AUDIT policy is a shadow of something that decides nothing: it has no effect (policy.md §3.11). */
function layerOf({ action, dryRun }: CompiledPolicy): Layer | undefined {
  if (action === 'AUDIT') return dryRun ? undefined : 'audit';
  if (action === 'DENY') return dryRun ? 'dryDeny' : 'deny';
  return dryRun ? 'dryAllow' : 'allow';
}

function collectInputs(policy: CompiledPolicy, inputs: Set<string>): void {
  let closed = 0;
  for (const rule of policy.rules) {
    if (!rule.isOpen) {
      closed |= rule.used;
      continue;
    }
    for (const entry of rule.from) for (const clause of entry) inputs.add(clause.field.input);
    for (const entry of rule.to) for (const clause of entry) inputs.add(clause.field.input);
    for (const clause of rule.when) inputs.add(clause.field.input);
  }
  for (const input of inputsOf(closed)) inputs.add(input);
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
