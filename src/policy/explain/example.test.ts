import { describe, expect, it } from 'vitest';
import {
  bearer,
  peerYaml,
  policyYaml,
  requestAuthYaml,
  requestTo,
  resourcesOf,
  snapshotOf,
} from '../../../test/support/policy.ts';
import { compile } from '../compile/steps.ts';
import { diffSnapshots } from '../diff/diff.ts';
import { evaluate } from '../evaluate/evaluate.ts';
import type { CompilableResource } from '../source.ts';
import { changeResources } from './change-policy.ts';
import { changeRequest } from './change-request.ts';
import { explain } from './explain.ts';

const front = 'cluster.local/ns/web/sa/front';
const back = 'cluster.local/ns/web/sa/back';
const shopPolicies =
  policyYaml(
    'read',
    `{rules: [{from: [{source: {principals: [${front}]}}], to: [{operation: {methods: [GET], paths: [/items*]}}]}]}`,
  ) +
  policyYaml(
    'write',
    `{rules: [{from: [{source: {principals: [${back}]}}], to: [{operation: {methods: [POST, PUT]}}], when: [{key: "request.headers[x-role]", values: [editor]}]}]}`,
  ) +
  policyYaml('no-admin', '{action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}');

describe('an explanation', () => {
  it('of a default deny names the rule that came nearest, and every clause of it', () => {
    const { decision, nearestMiss, stages } = explain(
      snapshotOf(shopPolicies),
      requestTo({ method: 'POST' }),
    );
    expect(decision.reason).toBe('denied_no_allow_match');
    expect(nearestMiss).toMatchObject({
      id: 'ns[shop]-policy[read]-rule[0]',
      action: 'ALLOW',
      failed: [{ field: 'operation.methods', wanted: ['GET'], got: ['POST'], matched: false }],
    });
    expect(stages.map(({ stage, reached, summary }) => [stage, reached, summary])).toEqual([
      ['peer_authentication', true, 'PERMISSIVE by default'],
      ['normalisation', true, 'unchanged'],
      ['custom', true, 'no CUSTOM policy selects this workload'],
      ['request_authentication', true, 'no RequestAuthentication selects this workload'],
      ['deny', true, 'no rule of 1 DENY policy matches'],
      ['allow', true, 'no rule of 2 ALLOW policies matches'],
    ]);
    const read = stages[5]?.policies[0]?.rules[0];
    expect(read?.from[0]?.clauses).toEqual([
      { field: 'source.principals', wanted: [front], got: [front], matched: true, note: undefined },
    ]);
    expect(read?.to[0]?.clauses.map(({ field, got, matched }) => [field, got, matched])).toEqual([
      ['operation.methods', ['POST'], false],
      ['operation.paths', ['/items'], true],
    ]);
  });

  it('suggests changes to the request and to the policies, and each does what it says', () => {
    const resources = resourcesOf(shopPolicies) as readonly CompilableResource[];
    const snapshot = compile(resources);
    const request = requestTo({ method: 'POST' });
    const { suggestions } = explain(snapshot, request);
    expect(suggestions.map(({ text }) => text)).toEqual([
      'method `GET`',
      'peer `spiffe://cluster.local/ns/web/sa/back`, header `x-role: editor`',
      'add `POST` to operation.methods of shop/read, rule 0',
      'create an ALLOW policy in shop for this caller and request',
    ]);
    for (const suggestion of suggestions) {
      const outcome =
        suggestion.kind === 'request'
          ? evaluate(snapshot, changeRequest(request, suggestion.changes) ?? request)
          : evaluate(compile(changeResources(resources, suggestion) ?? []), request);
      expect(outcome.outcome).toBe('allow');
    }
  });

  it('of a denial by policy says how to get out of it', () => {
    const { nearestMiss, suggestions } = explain(
      snapshotOf(policyYaml('no-admin', '{action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}')),
      requestTo({ path: '/admin' }),
    );
    expect(nearestMiss).toBeUndefined();
    expect(suggestions.map(({ text }) => text)).toEqual([
      'path `/other`',
      'path `/`',
      'remove rule 0 of shop/no-admin',
      'remove policy shop/no-admin',
    ]);
  });

  it('of a refused connection traces the stages that it never came to', () => {
    const yaml = peerYaml('strict', '{mtls: {mode: STRICT}}') + shopPolicies;
    const { stages, suggestions, facts } = explain(snapshotOf(yaml), requestTo({ from: 'none' }));
    expect(stages.map(({ reached }) => reached)).toEqual([true, false, false, false, false, false]);
    expect(stages[0]?.summary).toMatch(/^STRICT by shop\/strict: /);
    expect(stages[5]?.policies.map(({ policy }) => policy.name)).toEqual(['read', 'write']);
    expect(suggestions[0]?.text).toContain(`spiffe://${front}`);
    expect(facts).toMatchObject({ tls: 'none', peer: 'none', mtls_mode: 'STRICT' });
  });

  it('of a refused token names the rule that refused it', () => {
    const yaml = requestAuthYaml('jwt', '{jwtRules: [{issuer: a, jwksUri: "https://k.example"}]}');
    const { stages, suggestions } = explain(
      snapshotOf(yaml),
      requestTo({ tokens: [bearer({ iss: 'b', sub: 'x' })] }),
    );
    expect(stages[3]).toMatchObject({
      summary: 'Jwt issuer is not configured (RequestAuthentication shop/jwt, rule 0)',
      tokens: [{ result: 'refused', found: 1, note: 'Jwt issuer is not configured' }],
    });
    expect(suggestions.map(({ text }) => text)).toEqual(['no token', 'a token of `a` for `someone`']);
  });
});

describe('a semantic diff', () => {
  it('says who gains and who loses, with an example of each', () => {
    const before = snapshotOf(shopPolicies);
    const after = snapshotOf(
      shopPolicies.replace('methods: [GET]', 'methods: [GET, DELETE]').replace('/admin*', '/a*'),
    );
    const diff = diffSnapshots(before, after);
    expect(diff.isComplete).toBe(true);
    const gained = diff.entries.filter(
      ({ change, workload }) => change === 'gained' && workload.namespace === 'shop',
    );
    expect(gained).not.toHaveLength(0);
    for (const { who, example } of gained) {
      expect(who.method).toEqual(['DELETE']);
      expect(example.connection.peer?.principal).toBe(front);
    }
    const lost = diff.entries.filter(({ change }) => change === 'lost');
    expect(lost.every(({ example }) => example.http?.path.startsWith('/a'))).toBe(true);
    const asked = requestTo({ method: 'DELETE' });
    expect(diff.entryFor(asked)?.change).toBe('gained');
    expect(diff.entryFor(requestTo())).toBeUndefined();
  });

  it('finds nothing between a snapshot and itself, and sees a mode change', () => {
    const snapshot = snapshotOf(shopPolicies);
    expect(diffSnapshots(snapshot, snapshotOf(shopPolicies)).entries).toEqual([]);
    const strict = diffSnapshots(snapshotOf(''), snapshotOf(peerYaml('strict', '{mtls: {mode: STRICT}}')));
    expect(strict.entryFor(requestTo({ from: 'none' }))?.change).toBe('lost');
    expect(strict.entryFor(requestTo())).toBeUndefined();
  });
});
