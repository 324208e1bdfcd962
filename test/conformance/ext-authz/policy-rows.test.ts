import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { RequestKeys } from '../../../src/operations/policy-snapshot/index.ts';
import type { ExtensionProvider } from '../../../src/resources/index.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { FakeTokenIssuer } from '../../fakes/token-issuer.ts';
import { type AskOptions, ask, checkServer, type HarnessOptions } from '../../support/check-harness.ts';
import { policyYaml, requestAuthYaml } from '../../support/policy.ts';

const issuer = new FakeTokenIssuer();
const tokenRules = requestAuthYaml(
  'tokens',
  `{jwtRules: [{issuer: "${issuer.issuer}", jwks: '${issuer.jwks()}', outputClaimToHeaders: [{header: x-team, claim: team}]}]}`,
);
const when = (key: string, values: string) =>
  policyYaml('when', `{rules: [{when: [{key: "${key}", values: [${values}]}]}]}`);
const paths = (list: string) => policyYaml('paths', `{rules: [{to: [{operation: {paths: [${list}]}}]}]}`);

describe.each([
  ['default', {}],
  ['strict', { strict: true }],
] as const)('at the gRPC door, in %s mode,', (mode, settings) => {
  const open = (policies: string, more: HarnessOptions = {}) =>
    checkServer({
      policies,
      settings,
      tokens: new RequestKeys({
        fetcherFor: () => ({ fetch: () => Promise.reject(new Error('no keys are fetched here')) }),
        clock: systemClock,
        logger: new FakeLogger(),
      }),
      ...more,
    });

  async function allowed(policies: string, questions: readonly AskOptions[]): Promise<readonly boolean[]> {
    await using door = await open(policies);
    const answers = [];
    for (const question of questions)
      answers.push((await door.client.check(ask(question))).response.status?.code === 0);
    return answers;
  }
  const withClaims = (claims: string): AskOptions => ({
    headers: {
      authorization: `Bearer ${issuer.signText('{"alg":"ES256","kid":"key-1"}', `{"iss":"${issuer.issuer}","sub":"a",${claims}}`)}`,
    },
  });

  it('what is absent satisfies no condition (adv:Z13)', async () => {
    const questions: readonly AskOptions[] = [
      {},
      { headers: { 'x-team': 'a' } },
      { headers: { 'x-other': 'a' } },
    ];
    expect(await allowed(when('request.headers[x-team]', '"*"'), questions)).toEqual([false, true, false]);
  });

  it('claims of prototypes are nobody’s (adv:Z15)', async () => {
    const claims = ['"a":{}', '"a":{"b":"c"}', '"a":"x"'].map(withClaims);
    for (const name of ['a][__proto__', '__proto__', 'constructor', 'a][constructor', 'a][toString'])
      expect(await allowed(tokenRules + when(`request.auth.claims[${name}]`, '"*"'), claims), name).toEqual([
        false,
        false,
        false,
      ]);
  });

  it('claims match by their type (adv:Z16)', async () => {
    const claims = [
      '"level":"1"',
      '"level":["1","2"]',
      '"level":1',
      '"level":true',
      '"level":null',
      '"level":{"1":1}',
    ];
    expect(
      await allowed(tokenRules + when('request.auth.claims[level]', '"1"'), claims.map(withClaims)),
    ).toEqual([true, true, false, false, false, false]);
  });

  it('a gRPC method is a path (adv:Z22)', async () => {
    const questions = ['/pkg.Svc/Method', '/pkg.Svc/Method/x', '/pkg.Svc%2FMethod', '/pkgXSvc/Method'].map(
      (path) => ({ path, method: 'POST' }),
    );
    expect(await allowed(paths('"/pkg.Svc/Method"'), questions)).toEqual([true, false, false, false]);
  });

  it('a prefix ends where it is written (adv:Z25)', async () => {
    const questions = ['/api', '/apix', '/api/x', '/ap', '/x/api'].map((path) => ({ path }));
    expect(await allowed(paths('"/api*"'), questions)).toEqual([true, true, true, false, false]);
  });

  it('no text of a policy is a regular expression (adv:Z27)', async () => {
    const questions = [`/${'a'.repeat(40)}!`, '/(a+)+$', '/a'].map((path) => ({ path }));
    expect(await allowed(paths('"/(a+)+$"'), questions)).toEqual([false, true, false]);
  });

  it('no policy, an empty rule and no rule decide as documented (adv:Z28)', async () => {
    expect(await allowed('', [{}])).toEqual([mode === 'default']);
    expect(await allowed(policyYaml('all', '{rules: [{}]}'), [{}])).toEqual([true]);
    expect(await allowed(policyYaml('none', '{rules: []}'), [{}])).toEqual([false]);
    const both = policyYaml('all', '{rules: [{}]}') + policyYaml('no', '{action: DENY, rules: [{}]}');
    expect(await allowed(both, [{}])).toEqual([false]);
  });

  it('a decision keeps the policies it began with, and names them (adv:Z29)', async () => {
    let answer = () => undefined as unknown;
    const asked = Promise.withResolvers<void>();
    await using door = await open(
      policyYaml('ask', '{action: CUSTOM, provider: {name: ext}, rules: [{}]}') +
        policyYaml('all', '{rules: [{}]}'),
      {
        providers: [{ name: 'ext' } as ExtensionProvider],
        custom: {
          ask: () =>
            new Promise((resolve) => {
              answer = () => resolve({ outcome: 'allow' });
              asked.resolve();
            }),
        },
      },
    );
    const pending = door.client.check(ask());
    await asked.promise;
    const before = door.decided.length;
    door.setPolicy(policyYaml('no', '{action: DENY, rules: [{}]}'));
    const denied = (await door.client.check(ask())).response;
    expect(denied.status?.code).toBe(7);
    answer();
    const { response } = await pending;
    expect(response.status?.code).toBe(0);
    expect(response.dynamicMetadata?.policy_revision).not.toBe(denied.dynamicMetadata?.policy_revision);
    expect(door.decided.length).toBe(before + 2);
  });

  it('no claim brings a line break into a header (adv:Z32)', async () => {
    await using door = await open(tokenRules + policyYaml('all', '{rules: [{}]}'));
    const set = async (claims: string) => {
      const { response } = await door.client.check(ask(withClaims(claims)));
      expect(response.status?.code).toBe(0);
      if (response.httpResponse.case !== 'okResponse') return [];
      return response.httpResponse.value.headers.map(({ header }) => `${header?.key}: ${header?.value}`);
    };
    expect(await set('"team":"red"')).toContain('x-team: red');
    for (const line of await set('"team":"red\\r\\nx-role: admin"')) expect(line).not.toMatch(/[\r\n]/);
  });
});
