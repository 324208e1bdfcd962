import { describe, expect, it } from 'vitest';
import { policyYaml, requestTo, snapshotOf } from '../../../test/support/policy.ts';
import { evaluate } from './evaluate.ts';

const allowFront = policyYaml(
  'allow-front',
  '{rules: [{from: [{source: {principals: [cluster.local/ns/web/sa/front]}}], to: [{operation: {methods: [GET], paths: [/items, /items/*]}}]}]}',
);
const denyAdmin = policyYaml(
  'deny-admin',
  '{action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}',
);

describe('evaluate', () => {
  it('allows what an ALLOW rule matches, and names the rule', () => {
    const decision = evaluate(snapshotOf(allowFront), requestTo({ path: '/items/7?x=1' }));
    expect(decision).toMatchObject({
      outcome: 'allow',
      reason: 'allowed_by_policy',
      stage: 'allow',
      policyId: 'ns[shop]-policy[allow-front]-rule[0]',
      rule: { index: 0, from: 0, to: 0 },
      path: '/items/7',
    });
  });

  it('denies what no ALLOW rule matches', () => {
    const decision = evaluate(snapshotOf(allowFront), requestTo({ path: '/other' }));
    expect(decision).toMatchObject({ outcome: 'deny', reason: 'denied_no_allow_match', stage: 'allow' });
    expect(decision.effects.response).toMatchObject({ status: 403, body: 'RBAC: access denied' });
    expect(decision.effects.response?.detail).toBe('rbac_access_denied_matched_policy[none]');
  });

  it('lets a DENY win over an ALLOW (policy:0 adv:Z28)', () => {
    const allowAll = policyYaml('allow-all', '{rules: [{}]}');
    const decision = evaluate(snapshotOf(allowAll + denyAdmin), requestTo({ path: '/admin/x' }));
    expect(decision).toMatchObject({
      outcome: 'deny',
      reason: 'denied_by_policy',
      policyId: 'ns[shop]-policy[deny-admin]-rule[0]',
    });
  });

  it('allows where no policy selects the workload, and strict mode does not (adv:Z28)', () => {
    expect(evaluate(snapshotOf(''), requestTo())).toMatchObject({
      outcome: 'allow',
      reason: 'allowed_no_policy',
    });
    expect(evaluate(snapshotOf('', { strict: true }), requestTo())).toMatchObject({
      outcome: 'deny',
      reason: 'denied_no_allow_match',
    });
  });
});
