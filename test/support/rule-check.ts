import { type EngineSettings, evaluate } from '../../src/policy/index.ts';
import { policyYaml, type RequestOptions, requestTo, snapshotOf } from './policy.ts';

/** Whether a policy of one rule, written as YAML flow, matches a request: asked with an ALLOW or a DENY policy. */
export function ruleMatches(
  rule: string,
  request: RequestOptions = {},
  options: { readonly action?: 'ALLOW' | 'DENY'; readonly settings?: EngineSettings } = {},
): boolean {
  const { action = 'ALLOW', settings = {} } = options;
  const yaml = policyYaml('rule', `{action: ${action}, rules: [${rule}]}`);
  const other = action === 'ALLOW' ? '' : policyYaml('zz-all', '{rules: [{}]}');
  const decision = evaluate(snapshotOf(yaml + other, settings), requestTo(request));
  if (decision.stage !== 'allow' && decision.stage !== 'deny')
    throw new TypeError(`decided before the rules: ${decision.reason} ${decision.detail ?? ''}`);
  return action === 'ALLOW' ? decision.outcome === 'allow' : decision.stage === 'deny';
}

export const source = (fields: string) => `{from: [{source: {${fields}}}]}`;
export const operation = (fields: string) => `{to: [{operation: {${fields}}}]}`;
export const when = (key: string, fields: string) => `{when: [{key: "${key}", ${fields}}]}`;
