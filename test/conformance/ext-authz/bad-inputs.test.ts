import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BadCheck,
  badAttributes,
  badHeaders,
  badHosts,
  badMethods,
  badPaths,
  badPrincipals,
} from '../../support/bad-checks.ts';
import { ask, checkServer } from '../../support/check-harness.ts';
import { policyYaml } from '../../support/policy.ts';

/** Exactly one question is allowed by these: whatever is changed about it must not be taken for it. */
const policies =
  policyYaml(
    'one',
    '{rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}], to: [{operation: {methods: [GET], paths: ["/items"], hosts: ["cart.shop"], ports: ["8080"]}}]}]}',
  ) +
  policyYaml('roles', '{action: DENY, rules: [{when: [{key: "request.headers[x-role]", values: [admin]}]}]}');

describe.each([
  ['default', {}],
  ['strict', { strict: true }],
] as const)('in %s mode', (mode, settings) => {
  let door: Awaited<ReturnType<typeof checkServer>>;
  beforeAll(async () => {
    door = await checkServer({ policies, settings });
  });
  afterAll(() => door[Symbol.asyncDispose]());

  const code = async (init: BadCheck[1]) => (await door.client.check(init)).response.status?.code;

  const holds = (checks: readonly BadCheck[]) => async () => {
    const problems: string[] = [];
    for (const [what, init, allowed] of checks) {
      const isAllowed = (await code(init)) === 0;
      const mayBe = allowed === 'both' || (allowed === 'default' && mode === 'default');
      if (isAllowed !== mayBe)
        problems.push(
          `${what}: ${isAllowed ? 'allowed' : `denied, ${door.decided.at(-1)?.outcome.decision.detail}`}`,
        );
      // Nothing that came before is in the way of an ordinary question.
      expect(await code(ask()), what).toBe(0);
    }
    expect(problems).toEqual([]);
  };

  it(
    'no other path passes for the one allowed (adv:Z01 adv:Z02 adv:Z03 adv:Z04 adv:Z05 adv:Z06 adv:Z07)',
    holds(badPaths),
  );
  it('no other host passes for the one allowed (adv:Z08 adv:Z09 adv:Z10)', holds(badHosts));
  it('no other method passes for the one allowed (adv:Z21)', holds(badMethods));
  it('no header is read as something else (adv:Z11 adv:Z12 adv:Z14 adv:Z23 adv:Z33)', holds(badHeaders));
  it('nobody passes for the caller allowed (adv:Z24 adv:Z26)', holds(badPrincipals));
  it('no attribute is guessed at (adv:Z19)', holds(badAttributes));
});
