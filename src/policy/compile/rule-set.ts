import type { CompiledPolicy, CompiledRule } from './authorization.ts';
import { type Budget, compareText, type Steps } from './budget.ts';
import { RuleIndex } from './rule-index.ts';

/** The policies of one attachment that act alike: one of Envoy's RBAC filters, so to say. */
export interface RuleSet {
  /** In lexical order of their ids. */
  readonly policies: readonly CompiledPolicy[];
  readonly http: RuleIndex;
  readonly tcp: RuleIndex;
}

/** `sorted`: in lexical order of their id prefixes. */
export function* buildRuleSet(sorted: readonly CompiledPolicy[], budget: Budget): Steps<RuleSet> {
  const rules: CompiledRule[] = [];
  let needsHttp = false;
  for (const policy of sorted)
    for (const rule of inIdOrder(policy.rules)) {
      rules.push(rule);
      needsHttp ||= rule.needsHttp;
    }
  const http = yield* RuleIndex.build(rules, true, budget);
  if (!needsHttp) return { policies: sorted, http, tcp: http };
  const plain = rules.filter((rule) => !rule.needsHttp || rule.policy.action !== 'ALLOW');
  return { policies: sorted, http, tcp: yield* RuleIndex.build(plain, false, budget) };
}

/** `rule[10]` comes before `rule[2]`: ids are ordered as text. */
function inIdOrder(rules: readonly CompiledRule[]): readonly CompiledRule[] {
  return rules.length <= 10 ? rules : textOrder(rules.length).map((index) => rules[index] as CompiledRule);
}

const orders = new Map<number, readonly number[]>();

/** The numbers below `length` in the order of `0]`, `1]`, `10]`, `2]`. A resource has at most 512 rules. */
function textOrder(length: number): readonly number[] {
  let order = orders.get(length);
  if (order === undefined) {
    order = Array.from({ length }, (_, i) => i).sort((a, b) => compareText(`${a}]`, `${b}]`));
    if (length <= 512) orders.set(length, order);
  }
  return order;
}
