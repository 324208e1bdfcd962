import { describe, expect, it } from 'vitest';
import { cart, policyYaml, requestTo, resourcesOf, snapshotOf } from '../../../test/support/policy.ts';
import { operation, ruleMatches, source, when } from '../../../test/support/rule-check.ts';
import { compile } from '../compile/steps.ts';
import type { WorkloadFacts } from '../request.ts';
import type { AuthorizationPolicy } from '../source.ts';
import { evaluate } from './evaluate.ts';

const reasonOf = (yaml: string, request = {}, settings = {}) =>
  evaluate(snapshotOf(yaml, settings), requestTo(request));

describe('the layers of authorization', () => {
  it('an ALLOW policy without rules selects the workload and matches nothing (policy:0/1 policy:0/2 adv:Z28)', () => {
    for (const spec of ['{}', '{rules: []}'])
      expect(reasonOf(policyYaml('none', spec)).reason).toBe('denied_no_allow_match');
  });

  it('an empty rule matches everything, in every action (policy:0/3 adv:Z28)', () => {
    expect(reasonOf(policyYaml('all', '{rules: [{}]}')).reason).toBe('allowed_by_policy');
    expect(reasonOf(policyYaml('all', '{action: DENY, rules: [{}]}')).reason).toBe('denied_by_policy');
    const audited = reasonOf(policyYaml('all', '{action: AUDIT, rules: [{}]}'));
    expect(audited).toMatchObject({
      reason: 'allowed_no_policy',
      auditPolicyId: 'ns[shop]-policy[all]-rule[0]',
    });
  });

  it('a DENY without rules never matches, should one get in (policy:0/4)', () => {
    const [policy] = resourcesOf(
      policyYaml('p', '{action: DENY, rules: [{}]}'),
    ) as readonly AuthorizationPolicy[];
    const bare = { ...policy, spec: { ...policy?.spec, rules: [] } } as AuthorizationPolicy;
    expect(evaluate(compile([bare]), requestTo()).outcome).toBe('allow');
  });

  it('an entry without fields leaves only the conditions (policy:0/7)', () => {
    const [policy] = resourcesOf(
      policyYaml('p', `{rules: [${source('principals: [x]')}]}`),
    ) as readonly AuthorizationPolicy[];
    const [rule] = policy?.spec.rules ?? [];
    const nothing = Object.fromEntries(Object.keys(rule?.from[0] ?? {}).map((field) => [field, []]));
    const when = [{ key: 'destination.port', values: ['8080'], notValues: [] }];
    const bare = { ...policy, spec: { ...policy?.spec, rules: [{ from: [nothing], to: [], when }] } };
    const snapshot = compile([bare as unknown as AuthorizationPolicy]);
    expect(evaluate(snapshot, requestTo()).outcome).toBe('allow');
    expect(evaluate(snapshot, requestTo({ port: 9 })).outcome).toBe('deny');
  });

  it('ANDs from, to and when; ORs entries, rules and policies; ANDs fields (policy:0)', () => {
    const rule =
      '{from: [{source: {namespaces: [web]}}, {source: {ipBlocks: [192.0.2.1]}}], to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {paths: [/b]}}], when: [{key: "destination.port", values: ["8080"]}, {key: "source.ip", notValues: [10.0.0.99]}]}';
    expect(ruleMatches(rule, { path: '/a' })).toBe(true);
    expect(ruleMatches(rule, { path: '/a', method: 'PUT' })).toBe(false);
    expect(ruleMatches(rule, { path: '/b', method: 'PUT' })).toBe(true);
    expect(ruleMatches(rule, { path: '/b', from: 'none' })).toBe(false);
    expect(ruleMatches(rule, { path: '/b', from: 'none', ip: '192.0.2.1' })).toBe(true);
    expect(ruleMatches(rule, { path: '/a', port: 9 })).toBe(false);
    expect(ruleMatches(rule, { path: '/a', ip: '10.0.0.99' })).toBe(false);
  });

  it('reports the first match in lexical order of ids, 10 before 2 (policy:3.13)', () => {
    const rules = Array.from({ length: 12 }, (_, i) => operation(`ports: ["${i < 2 ? 1 : 8080}"]`)).join(
      ', ',
    );
    expect(reasonOf(policyYaml('many', `{rules: [${rules}]}`)).policyId).toBe(
      'ns[shop]-policy[many]-rule[10]',
    );
    const two =
      policyYaml('b', '{action: DENY, rules: [{}]}') +
      policyYaml('a-x', '{action: DENY, rules: [{}]}') +
      policyYaml('a', '{action: DENY, rules: [{}]}');
    expect(reasonOf(two).policyId).toBe('ns[shop]-policy[a-x]-rule[0]');
    const root = policyYaml('z', '{action: DENY, rules: [{}]}', { namespace: 'istio-system' });
    expect(reasonOf(two + root).policyId).toBe('ns[istio-system]-policy[z]-rule[0]');
  });

  it("answers in Envoy's words (policy:3.13)", () => {
    const decision = reasonOf(policyYaml('no', '{action: DENY, rules: [{}]}'));
    expect(decision.effects.response).toEqual({
      status: 403,
      grpcStatus: 7,
      body: 'RBAC: access denied',
      headers: [],
      detail: 'rbac_access_denied_matched_policy[ns[shop]-policy[no]-rule[0]]',
    });
    const closed = reasonOf(policyYaml('no', '{action: DENY, rules: [{}]}'), { http: 'tcp' });
    expect(closed.effects.response).toMatchObject({ status: 0, body: '' });
  });

  it('an error while looking at a DENY rule counts as a match, at an ALLOW rule as none', () => {
    const headers = new Map<string, readonly string[]>();
    headers.get = () => {
      throw new TypeError('hostile');
    };
    const rule = when('request.headers[x]', 'values: [y]');
    const request = { http: { headers } };
    expect(ruleMatches(rule, request)).toBe(false);
    expect(ruleMatches(rule, request, { action: 'DENY' })).toBe(true);
  });

  it('denies, and says that the fault is its own, when something breaks', () => {
    const request = requestTo();
    const broken = {
      ...request,
      get connection(): never {
        throw new TypeError('broken');
      },
    };
    expect(evaluate(snapshotOf(''), broken)).toMatchObject({
      outcome: 'deny',
      reason: 'internal_error',
      detail: 'broken',
    });
  });
});

describe('plain connections', () => {
  const tcp = { http: 'tcp' as const };

  it('drop an ALLOW rule that needs HTTP as a whole (policy:3.7/1 policy:0/5)', () => {
    expect(ruleMatches(operation('methods: [GET], ports: ["8080"]'), tcp)).toBe(false);
    expect(ruleMatches(operation('ports: ["8080"]'), tcp)).toBe(true);
    expect(
      ruleMatches('{from: [{source: {principals: ["*"]}}, {source: {requestPrincipals: ["*"]}}]}', tcp),
    ).toBe(false);
  });

  it('pass over the HTTP conditions of a DENY rule, even when nothing is left (policy:3.7/2)', () => {
    const deny = { action: 'DENY' as const };
    for (const http of ['hosts: [x]', 'notHosts: ["*"]', 'methods: [x]', 'paths: [/x]', 'notPaths: ["*"]'])
      expect(ruleMatches(operation(http), tcp, deny)).toBe(true);
    expect(ruleMatches(source('requestPrincipals: [x]'), tcp, deny)).toBe(true);
    expect(ruleMatches(when('request.headers[x]', 'values: [y]'), tcp, deny)).toBe(true);
    expect(ruleMatches(operation('methods: [x], ports: ["9"]'), tcp, deny)).toBe(false);
  });

  it('see ports, addresses, identities and SNI (policy:3.7)', () => {
    expect(ruleMatches(source('namespaces: [web], ipBlocks: [10.0.0.0/8]'), tcp)).toBe(true);
    expect(ruleMatches(when('connection.sni', 'values: [a]'), { ...tcp, connection: { sni: 'a' } })).toBe(
      true,
    );
  });

  it('file DENY rules where a plain connection finds them (policy:3.7/2)', () => {
    const rules = Array.from(
      { length: 30 },
      (_, i) => `{to: [{operation: {paths: [/p${i}], ports: ["${i}"]}}]}`,
    );
    const snapshot = snapshotOf(policyYaml('many', `{action: DENY, rules: [${rules.join(', ')}]}`));
    expect(evaluate(snapshot, requestTo({ http: 'tcp', port: 17 })).policyId).toBe(
      'ns[shop]-policy[many]-rule[17]',
    );
    expect(evaluate(snapshot, requestTo({ http: 'tcp', port: 99 })).outcome).toBe('allow');
  });

  it('are what a declared TCP port has, whatever the door parsed (policy:1.3)', () => {
    const to: WorkloadFacts = { ...cart, ports: new Map([[8080, 'tcp']]) };
    expect(ruleMatches(operation('methods: [GET]'), { to })).toBe(false);
  });
});

describe('malformed values', () => {
  const withValue = (action: 'ALLOW' | 'DENY', fields: object) => {
    const [policy] = resourcesOf(
      policyYaml(
        'p',
        `{action: ${action}, rules: [{from: [{source: {ipBlocks: [10.0.0.7]}}], when: [{key: "destination.port", values: ["8080"]}]}]}`,
      ),
    ) as readonly AuthorizationPolicy[];
    const [rule] = policy?.spec.rules ?? [];
    return { ...policy, spec: { ...policy?.spec, rules: [{ ...rule, ...fields }] } } as AuthorizationPolicy;
  };
  const bad = { when: [{ key: 'destination.port', values: ['80a'], notValues: [] }] };
  const unknown = { when: [{ key: 'source.owner', values: ['x'], notValues: [] }] };

  it('drop an ALLOW rule, and only the value from a DENY rule (policy:3.7)', () => {
    const allow = compile([withValue('ALLOW', bad)]);
    expect(evaluate(allow, requestTo()).reason).toBe('denied_no_allow_match');
    expect(allow.dropped).toEqual([
      {
        policy: expect.objectContaining({ name: 'p' }),
        rule: 0,
        why: 'malformed value `80a` in when[destination.port].values',
      },
    ]);
    expect(evaluate(compile([withValue('DENY', bad)]), requestTo()).reason).toBe('denied_by_policy');
  });

  it('an unknown key drops the rule for both, which fails open for DENY (policy:0/6)', () => {
    expect(evaluate(compile([withValue('ALLOW', unknown)]), requestTo()).outcome).toBe('deny');
    expect(evaluate(compile([withValue('DENY', unknown)]), requestTo()).outcome).toBe('allow');
  });

  it('strict mode refuses to compile any of these, naming the place (adv:Z20)', () => {
    const hostBits = {
      from: [{ ...withValue('ALLOW', {}).spec.rules[0]?.from[0], ipBlocks: ['10.0.0.1/8'] }],
    };
    for (const fields of [bad, unknown, hostBits])
      expect(() => compile([withValue('DENY', fields)], { strict: true })).toThrow(
        expect.objectContaining({
          code: 'POLICY_NOT_COMPILABLE',
          details: { namespace: 'shop', name: 'p', rule: 0 },
        }),
      );
    expect(evaluate(compile([withValue('ALLOW', hostBits)]), requestTo()).outcome).toBe('allow');
  });
});

describe('which policies apply', () => {
  const deny = (name: string, target: string, namespace = 'shop') =>
    policyYaml(name, `{action: DENY, rules: [{}], ${target}}`, { namespace });
  const outcomes = (yaml: string, to: WorkloadFacts, settings = {}) =>
    evaluate(snapshotOf(yaml, settings), requestTo({ to })).outcome;

  it("those of the workload's namespace and of the root, by labels (policy:3.8)", () => {
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart}}'), cart)).toBe('deny');
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart, tier: x}}'), cart)).toBe('allow');
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart}}', 'web'), cart)).toBe('allow');
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart}}', 'istio-system'), cart)).toBe('deny');
    expect(
      outcomes(deny('p', 'selector: {matchLabels: {app: cart}}', 'root'), cart, {
        mesh: { rootNamespace: 'root' },
      }),
    ).toBe('deny');
  });

  it('never by targetRefs at a plain workload (policy:3.8)', () => {
    const ref = 'targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]';
    expect(outcomes(deny('p', ref), cart)).toBe('allow');
  });

  it('by targetRefs and selectors at a Gateway API gateway (policy:3.8)', () => {
    const edge: WorkloadFacts = { ...cart, proxy: 'gateway', gatewayName: 'edge' };
    const ref = (name: string) =>
      `targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: ${name}}]`;
    expect(outcomes(deny('p', ref('edge')), edge)).toBe('deny');
    expect(outcomes(deny('p', ref('other')), edge)).toBe('allow');
    expect(outcomes(deny('p', ref('edge'), 'web'), edge)).toBe('allow');
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart}}'), edge)).toBe('deny');
    expect(
      outcomes(deny('p', 'selector: {matchLabels: {app: cart}}'), edge, { selectorsOnGateways: false }),
    ).toBe('allow');
    expect(outcomes(deny('p', ref('edge')), { ...cart, proxy: 'gateway' })).toBe('allow');
  });

  it('by targetRefs only at a waypoint: services, its gateway, and the class from the root (policy:3.8)', () => {
    const waypoint: WorkloadFacts = {
      ...cart,
      proxy: 'waypoint',
      gatewayName: 'way',
      services: [
        { namespace: 'shop', name: 'cart', registry: 'kubernetes' },
        { namespace: 'ext', name: 'api', registry: 'external' },
      ],
    };
    const ref = (group: string, kind: string, name: string) =>
      `targetRefs: [{group: "${group}", kind: ${kind}, name: ${name}}]`;
    expect(outcomes(deny('p', 'selector: {matchLabels: {app: cart}}'), waypoint)).toBe('allow');
    expect(outcomes(policyYaml('p', '{action: DENY, rules: [{}]}'), waypoint)).toBe('allow');
    expect(outcomes(deny('p', ref('', 'Service', 'cart')), waypoint)).toBe('deny');
    expect(outcomes(deny('p', ref('', 'Service', 'cart'), 'web'), waypoint)).toBe('allow');
    expect(outcomes(deny('p', ref('networking.istio.io', 'ServiceEntry', 'api'), 'ext'), waypoint)).toBe(
      'deny',
    );
    expect(outcomes(deny('p', ref('gateway.networking.k8s.io', 'Gateway', 'way')), waypoint)).toBe('deny');
    const gatewayClass = ref('gateway.networking.k8s.io', 'GatewayClass', 'istio-waypoint');
    expect(outcomes(deny('p', gatewayClass, 'istio-system'), waypoint)).toBe('deny');
    expect(outcomes(deny('p', gatewayClass), waypoint)).toBe('allow');
  });
});
