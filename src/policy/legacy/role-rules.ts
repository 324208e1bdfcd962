import type { RoleRule } from './model.ts';
import { written } from './output.ts';

export interface Conditions {
  readonly when: readonly Record<string, unknown>[];
  /** Of `destination.labels[…]`: they belong into the selector. */
  readonly labels: ReadonlyMap<string, string>;
  /** Why the rule cannot be written; leaving it out allows less. */
  readonly problem: string | undefined;
}

/** What a rule of a role allows, in today's fields; undefined when it is every operation. */
export function operationOf({ operation }: RoleRule): Record<string, unknown> | undefined {
  const out = written(operation);
  for (const name of ['methods', 'paths', 'hosts'])
    if (operation[name]?.includes('*') === true) delete out[name];
  return Object.keys(out).length === 0 ? undefined : out;
}

const keptKeys =
  /^(destination\.(ip|port)|connection\.sni|request\.headers\[.+\]|experimental\.envoy\.filters\..+)$/;

export function convertConstraints(rule: RoleRule, namespace: string): Conditions {
  const when: Record<string, unknown>[] = [];
  const labels = new Map<string, string>();
  let problem: string | undefined;
  for (const { key, values } of rule.constraints) {
    const label = /^destination\.labels\[(.+)\]$/.exec(key)?.[1];
    const [only] = values;
    if (keptKeys.test(key)) when.push({ key, values: [...values] });
    else if (label !== undefined && values.length === 1 && only !== undefined && !only.includes('*'))
      labels.set(label, only);
    else if (label !== undefined)
      problem = `the constraint \`${key}\` has several values or a wildcard, a selector takes one value`;
    else if (key === 'destination.namespace') {
      if (!values.includes(namespace) && !values.includes('*'))
        problem = `the constraint \`${key}\` names another namespace`;
    } else problem = `the constraint \`${key}\` has no equal`;
  }
  return { when, labels, problem };
}
