import { isDryRun } from '../../resources/index.ts';
import { describePlace, type LintContext, place } from './context.ts';
import { coversRule, excludesItself, type NamespacedRule } from './cover.ts';
import { CoverIndex } from './cover-index.ts';
import { type RulePlace, rulesOf } from './rules.ts';
import { coversScope } from './scope.ts';

/** Pairs of rules compared in one run; past it the rest is left out, and said so. */
const maxPairs = 200_000;

interface Candidate extends NamespacedRule {
  readonly at: RulePlace;
}

/** Rules that can never match, that a DENY shadows, or that another rule makes redundant. */
export function lintShadowing(context: LintContext): void {
  const enforced = context.policies.filter(({ resource }) => !isDryRun(resource));
  const byAction = (action: string): readonly Candidate[] =>
    enforced
      .filter(({ resource }) => resource.spec.action === action)
      .flatMap((target) => [...rulesOf(target)].map(candidate));
  const groups = { allow: byAction('ALLOW'), deny: byAction('DENY') };
  const dead = new Set<Candidate>();
  for (const item of [...groups.allow, ...groups.deny, ...byAction('CUSTOM')])
    if (excludesItself(item)) {
      dead.add(item);
      context.report('CAS0130', item.at, 'what this rule asks for it also excludes: it never matches');
    }
  const budget = new Budget(maxPairs);
  const allow = groups.allow.filter((item) => !dead.has(item));
  const deny = groups.deny.filter((item) => !dead.has(item));
  const denials = new CoverIndex(deny);
  for (const item of allow) {
    const shadow = findCover(context, item, denials, budget);
    if (shadow !== undefined)
      context.report(
        'CAS0110',
        item.at,
        `every request of this rule is denied before, by ${describePlace(shadow.at)}`,
      );
  }
  for (const group of [allow, deny]) lintRedundant(context, group, budget);
  const [first] = context.policies;
  if (budget.isSpent && first !== undefined)
    context.report(
      'CAS0132',
      place(first, 'spec'),
      `there are more than ${maxPairs} pairs of rules: not all were compared`,
    );
}

function candidate(at: RulePlace): Candidate {
  return { at, rule: at.rule, namespace: at.target.resource.metadata.namespace };
}

/** Of two that match the same, the later one is reported. */
function lintRedundant(context: LintContext, group: readonly Candidate[], budget: Budget): void {
  const reported = new Set<Candidate>();
  const order = new Map(group.map((item, i) => [item, i]));
  const index = new CoverIndex(group);
  const isBefore = (a: Candidate, b: Candidate) => (order.get(a) ?? 0) < (order.get(b) ?? 0);
  for (const item of group) {
    const wider = index.candidates(item).find((other) => {
      if (other === item || reported.has(other) || !covers(context, other, item, budget)) return false;
      return isBefore(other, item) || !covers(context, item, other, budget);
    });
    if (wider === undefined) continue;
    reported.add(item);
    context.report(
      'CAS0111',
      item.at,
      `${describePlace(wider.at)} matches everything that this rule matches`,
    );
  }
}

function findCover(
  context: LintContext,
  item: Candidate,
  others: CoverIndex<Candidate>,
  budget: Budget,
): Candidate | undefined {
  return others.candidates(item).find((other) => covers(context, other, item, budget));
}

function covers(context: LintContext, wide: Candidate, narrow: Candidate, budget: Budget): boolean {
  if (!budget.take()) return false;
  const [a, b] = [wide.at.target.resource, narrow.at.target.resource];
  return coversScope(a, b, context.mesh.rootNamespace) && coversRule(wide, narrow);
}

class Budget {
  #left: number;
  constructor(pairs: number) {
    this.#left = pairs;
  }
  take(): boolean {
    if (this.#left <= 0) return false;
    this.#left--;
    return true;
  }
  get isSpent(): boolean {
    return this.#left <= 0;
  }
}
