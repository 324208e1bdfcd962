import { describe, expect, it } from 'vitest';
import { policyYaml, requestTo, resourcesOf, snapshotOf } from '../../../test/support/policy.ts';
import { operation } from '../../../test/support/rule-check.ts';
import { compile } from '../compile/steps.ts';
import type { CustomResult } from '../request.ts';
import type { AuthorizationPolicy, EngineSettings, ExtensionProvider } from '../source.ts';
import { evaluate, providersNeeded } from './evaluate.ts';

const grpc = (name: string, more: Partial<ExtensionProvider> = {}): ExtensionProvider => ({
  name,
  protocol: 'grpc',
  failOpen: false,
  statusOnError: 403,
  ...more,
});
const withProviders = (...providers: ExtensionProvider[]): EngineSettings => ({
  mesh: { extensionProviders: providers },
});
const custom = (name: string, provider: string, rule = '{}') =>
  policyYaml(name, `{action: CUSTOM, provider: {name: ${provider}}, rules: [${rule}]}`);
const answered = (result: CustomResult) => ({ more: { custom: new Map([['door', result]]) } });
const id = 'istio-ext-authz-door-ns[shop]-policy[ask]-rule[0]';

describe('CUSTOM policies', () => {
  const snapshot = snapshotOf(
    custom('ask', 'door', operation('paths: [/admin*]')),
    withProviders(grpc('door')),
  );
  const admin = { path: '/admin' };

  it('name the provider to ask only when a rule matches (policy:3.12)', () => {
    expect(providersNeeded(snapshot, requestTo(admin))).toEqual(['door']);
    expect(providersNeeded(snapshot, requestTo())).toEqual([]);
    expect(evaluate(snapshot, requestTo()).outcome).toBe('allow');
  });

  it('deny without an answer, and when the provider cannot be reached (policy:3.12)', () => {
    expect(evaluate(snapshot, requestTo(admin))).toMatchObject({
      reason: 'custom_unavailable',
      stage: 'custom',
      policyId: id,
      detail: 'provider `door` was not asked',
    });
    const down = requestTo({ ...admin, ...answered({ outcome: 'unavailable' }) });
    expect(evaluate(snapshot, down)).toMatchObject({
      reason: 'custom_unavailable',
      effects: { response: { status: 403 } },
    });
  });

  it('follow failOpen and statusOnError (policy:3.12)', () => {
    const settings = (more: Partial<ExtensionProvider>) => withProviders(grpc('door', more));
    const down = requestTo(answered({ outcome: 'unavailable' }));
    expect(evaluate(snapshotOf(custom('ask', 'door'), settings({ failOpen: true })), down).outcome).toBe(
      'allow',
    );
    const busy = evaluate(snapshotOf(custom('ask', 'door'), settings({ statusOnError: 503 })), down);
    expect(busy.effects.response?.status).toBe(503);
  });

  it('send what the provider wants sent, and change what it wants changed', () => {
    const denied = answered({
      outcome: 'deny',
      status: 429,
      body: 'slow',
      responseHeaders: [{ name: 'retry-after', value: '1' }],
    });
    expect(evaluate(snapshot, requestTo({ ...admin, ...denied }))).toMatchObject({
      reason: 'custom_denied',
      effects: { response: { status: 429, body: 'slow', headers: [{ name: 'retry-after', value: '1' }] } },
    });
    const allowed = answered({
      outcome: 'allow',
      setHeaders: [
        { name: 'X-User', value: 'a' },
        { name: 'x-bad', value: 'a\r\nb' },
      ],
      removeHeaders: ['Cookie'],
    });
    expect(evaluate(snapshot, requestTo({ ...admin, ...allowed })).effects).toMatchObject({
      setHeaders: [{ name: 'x-user', value: 'a' }],
      removeHeaders: ['cookie'],
    });
  });

  it('may change the query that goes on, and not the one that is decided about', () => {
    const deny = policyYaml('no', '{action: DENY, rules: [{to: [{operation: {paths: [/admin/x]}}]}]}');
    const both = snapshotOf(custom('ask', 'door') + deny, withProviders(grpc('door')));
    const answer = {
      outcome: 'allow' as const,
      setParams: [
        { name: 'a', value: '2' },
        { name: 'b%20c', value: '%33' },
      ],
      removeParams: ['gone', 'n%6F'],
    };
    const pathFor = (path: string) => evaluate(both, requestTo({ path, ...answered(answer) })).effects.path;
    expect(pathFor('/admin')).toBe('/admin?a=2&b%20c=%33');
    expect(pathFor('/admin?gone=1&x&a=1&no=2&b%20c=1&a=3')).toBe('/admin?x&a=2&b%20c=%33');
    expect(evaluate(both, requestTo({ path: '/admin/x', ...answered(answer) })).reason).toBe(
      'denied_by_policy',
    );
  });

  it('still leave DENY and ALLOW their say (policy:0)', () => {
    const deny = policyYaml('no', '{action: DENY, rules: [{}]}');
    const both = snapshotOf(custom('ask', 'door') + deny, withProviders(grpc('door')));
    expect(evaluate(both, requestTo(answered({ outcome: 'allow' }))).reason).toBe('denied_by_policy');
  });

  it('deny what they match when the provider is not known (policy:3.12)', () => {
    const unknown = snapshotOf(custom('ask', 'door', operation('paths: [/admin]')));
    expect(evaluate(unknown, requestTo(admin))).toMatchObject({
      reason: 'custom_unavailable',
      policyId: `${id}-deny-due-to-bad-CUSTOM-action`,
    });
    expect(evaluate(unknown, requestTo()).outcome).toBe('allow');
    expect(providersNeeded(unknown, requestTo(admin))).toEqual([]);
  });

  it('deny when a workload has two providers, unless that is switched on (policy:3.12)', () => {
    const yaml = custom('ask', 'door') + custom('ask-2', 'gate');
    const providers = withProviders(grpc('door'), grpc('gate'));
    const yes = {
      more: {
        custom: new Map([
          ['door', { outcome: 'allow' as const }],
          ['gate', { outcome: 'allow' as const }],
        ]),
      },
    };
    expect(evaluate(snapshotOf(yaml, providers), requestTo(yes)).policyId).toBe(
      `${id}-deny-due-to-bad-CUSTOM-action`,
    );
    const many = snapshotOf(yaml, { ...providers, multipleCustomProviders: true });
    expect(providersNeeded(many, requestTo())).toEqual(['door', 'gate']);
    expect(evaluate(many, requestTo(yes)).outcome).toBe('allow');
    expect(evaluate(many, requestTo(answered({ outcome: 'allow' }))).detail).toBe(
      'provider `gate` was not asked',
    );
  });

  it('skip an HTTP provider on a plain connection, and ask a gRPC one (policy:3.7/2 policy:3.12)', () => {
    const tcp = requestTo({ http: 'tcp' });
    expect(
      evaluate(snapshotOf(custom('ask', 'door'), withProviders(grpc('door', { protocol: 'http' }))), tcp)
        .outcome,
    ).toBe('allow');
    expect(providersNeeded(snapshotOf(custom('ask', 'door'), withProviders(grpc('door'))), tcp)).toEqual([
      'door',
    ]);
  });

  it('take this very service for passed, so that there is no loop (D17)', () => {
    const own = { ...withProviders(grpc('door')), selfProviders: ['door'] };
    const selfish = snapshotOf(custom('ask', 'door'), own);
    expect(evaluate(selfish, requestTo()).outcome).toBe('allow');
    expect(providersNeeded(selfish, requestTo())).toEqual([]);
  });

  it('run before tokens are looked at, and after the connection (policy:0)', () => {
    expect(
      providersNeeded(
        snapshot,
        requestTo({ ...admin, connection: { peer: undefined, peerProblem: 'revoked' } }),
      ),
    ).toEqual([]);
    expect(providersNeeded(snapshot, requestTo({ path: '/admin%00' }))).toEqual([]);
  });

  it('deny in a dry run, as Istio does; strict mode enforces them (policy:3.11/3 policy:3.11)', () => {
    const [policy] = resourcesOf(custom('ask', 'door')) as readonly AuthorizationPolicy[];
    const dry = {
      ...policy,
      metadata: { ...policy?.metadata, annotations: new Map([['istio.io/dry-run', 'true']]) },
    } as AuthorizationPolicy;
    const yes = requestTo(answered({ outcome: 'allow' }));
    expect(evaluate(compile([dry], withProviders(grpc('door'))), yes)).toMatchObject({
      stage: 'custom',
      reason: 'denied_by_policy',
      policyId: id,
    });
    const strict = compile(
      [dry, ...(resourcesOf(policyYaml('all', '{rules: [{}]}')) as readonly AuthorizationPolicy[])],
      { ...withProviders(grpc('door')), strict: true },
    );
    expect(evaluate(strict, yes).outcome).toBe('allow');
    expect(evaluate(strict, requestTo()).reason).toBe('custom_unavailable');
  });
});

describe('dry runs', () => {
  const dry = (name: string, spec: string) => policyYaml(name, spec, { dryRun: true });

  it('decide nothing, and say what they would have (policy:3.11 policy:0/8)', () => {
    const decision = evaluate(snapshotOf(dry('no', '{action: DENY, rules: [{}]}')), requestTo());
    expect(decision).toMatchObject({
      outcome: 'allow',
      reason: 'allowed_no_policy',
      wouldHave: {
        outcome: 'deny',
        reason: 'denied_by_policy',
        policyId: 'ns[shop]-policy[no]-rule[0]',
        deny: { engineResult: 'denied', policyId: 'ns[shop]-policy[no]-rule[0]' },
      },
    });
  });

  it('of ALLOW only enforce nothing (policy:0/8)', () => {
    const decision = evaluate(snapshotOf(dry('yes', `{rules: [${operation('paths: [/x]')}]}`)), requestTo());
    expect(decision).toMatchObject({
      outcome: 'allow',
      wouldHave: { outcome: 'deny', reason: 'denied_no_allow_match', allow: { engineResult: 'denied' } },
    });
  });

  it('stand beside the real ones (policy:3.11)', () => {
    const yaml = policyYaml('real', `{rules: [${operation('paths: [/x]')}]}`) + dry('new', '{rules: [{}]}');
    expect(evaluate(snapshotOf(yaml), requestTo())).toMatchObject({
      outcome: 'deny',
      reason: 'denied_no_allow_match',
      wouldHave: {
        outcome: 'allow',
        policyId: 'ns[shop]-policy[new]-rule[0]',
        allow: { engineResult: 'allowed' },
      },
    });
    const real = evaluate(snapshotOf(yaml + policyYaml('no', '{action: DENY, rules: [{}]}')), requestTo());
    expect(real.wouldHave).toMatchObject({ outcome: 'deny', policyId: 'ns[shop]-policy[no]-rule[0]' });
    expect(evaluate(snapshotOf(policyYaml('real', '{rules: [{}]}')), requestTo()).wouldHave).toBeUndefined();
  });

  it('are enforced when the annotation cannot be read (policy:3.11)', () => {
    const [policy] = resourcesOf(
      policyYaml('no', '{action: DENY, rules: [{}]}'),
    ) as readonly AuthorizationPolicy[];
    const annotated = (value: string) =>
      compile([
        {
          ...policy,
          metadata: { ...policy?.metadata, annotations: new Map([['istio.io/dry-run', value]]) },
        } as AuthorizationPolicy,
      ]);
    expect(evaluate(annotated('yes'), requestTo()).outcome).toBe('deny');
    for (const value of ['1', 't', 'T', 'true', 'TRUE', 'True'])
      expect(evaluate(annotated(value), requestTo()).outcome).toBe('allow');
    expect(evaluate(annotated('false'), requestTo()).outcome).toBe('deny');
  });

  it('of AUDIT do nothing at all (policy:3.11)', () => {
    const [policy] = resourcesOf(
      policyYaml('log', '{action: AUDIT, rules: [{}]}'),
    ) as readonly AuthorizationPolicy[];
    const shadow = {
      ...policy,
      metadata: { ...policy?.metadata, annotations: new Map([['istio.io/dry-run', 'true']]) },
    } as AuthorizationPolicy;
    expect(evaluate(compile([shadow]), requestTo())).toMatchObject({
      auditPolicyId: undefined,
      wouldHave: undefined,
    });
  });
});
