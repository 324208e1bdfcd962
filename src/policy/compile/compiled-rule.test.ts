import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { policyYaml, requestTo, snapshotOf } from '../../../test/support/policy.ts';
import { resources, settings } from '../../../test/support/policy-arbitraries.ts';
import { operation, source } from '../../../test/support/rule-check.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import { ruleId } from './authorization.ts';
import { compile } from './steps.ts';

describe('a rule that nobody has looked at', () => {
  it('says what it reads, and whether it needs HTTP, as its clauses do once it is compiled', () => {
    fc.assert(
      fc.property(resources, settings, (given, engine) => {
        for (const { policies, inputs } of compile(given, engine).internals.groupsByKey.values()) {
          const read = new Set<string>();
          for (const { rules } of policies)
            for (const { from, to, when, needsHttp } of rules) {
              const clauses = [...from.flat(), ...to.flat(), ...when];
              for (const { field } of clauses) read.add(field.input);
              expect(needsHttp).toBe(clauses.some(({ field }) => field.isHttp));
            }
          expect([...inputs].sort()).toEqual([...read].sort());
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is compiled when a request comes near it, and only then', () => {
    const callers = Array.from({ length: 200 }, (_, i) =>
      policyYaml(`p${i}`, `{rules: [${source(`principals: [td/ns/a/sa/s${i}]`)}]}`),
    );
    const snapshot = snapshotOf(callers.join(''), { mesh: { trustDomain: 'td' } });
    const rules = [...snapshot.internals.groupsByKey.values()].flatMap(({ policies }) =>
      policies.flatMap((policy) => policy.rules),
    );
    expect(rules.filter(({ isOpen }) => isOpen)).toEqual([]);
    const { policyId } = evaluate(snapshot, requestTo({ from: 'td/ns/a/sa/s77' }));
    expect(policyId).toBe('ns[shop]-policy[p77]-rule[0]');
    expect(rules.filter(({ isOpen }) => isOpen).map(ruleId)).toEqual([policyId]);
  });

  it('is read at once where a value may be malformed: that changes what it is', () => {
    const snapshot = snapshotOf(
      policyYaml('a', `{rules: [${operation('paths: ["/a/{**}/b/{*}"]')}]}`.replace('/b/{*}', '')) +
        policyYaml('b', `{rules: [${operation('ports: ["80"]')}]}`),
    );
    const rules = [...snapshot.internals.groupsByKey.values()].flatMap(({ policies }) =>
      policies.flatMap((policy) => policy.rules),
    );
    expect(rules.map(({ isOpen }) => isOpen)).toEqual([true, true]);
  });
});
