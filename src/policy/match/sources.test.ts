import { describe, expect, it } from 'vitest';
import { bearer, requestTo, snapshotOf } from '../../../test/support/policy.ts';
import { ruleMatches, source, when } from '../../../test/support/rule-check.ts';
import { evaluate } from '../evaluate/evaluate.ts';

const front = 'cluster.local/ns/web/sa/front';
const aliases = {
  mesh: {
    trustDomain: 'new.example',
    trustDomainAliases: ['old.example'],
    caTrustDomains: ['cluster.local', 'x.example'],
  },
};

describe('source identities', () => {
  it.each([
    ['cluster.local/ns/web/sa/front', front, true],
    ['cluster.local/ns/web/sa/fronts', front, false],
    ['cluster.local/ns/web/*', front, true],
    ['cluster.local/ns/we*', front, true],
    ['*/sa/front', front, true],
    ['*front', front, true],
    ['*', front, true],
    ['*', 'none', false],
    ['clu*front', front, false],
    ['cluster.local/ns/web/sa/fr.nt', front, false],
    ['*/sa/fr.nt', front, false],
    ['Cluster.local/ns/web/sa/front', front, false],
    ['spiffe://cluster.local/ns/web/sa/front', front, false],
  ])('principals [%s] with peer %s: %s (policy:3.1/1 policy:3.6 adv:Z24 adv:Z26)', (value, from, want) => {
    expect(ruleMatches(source(`principals: ["${value}"]`), { from })).toBe(want);
    expect(ruleMatches(when('source.principal', `values: ["${value}"]`), { from })).toBe(want);
  });

  it.each([
    ['web', front, true],
    ['we*', front, true],
    ['*', front, true],
    ['*', 'none', false],
    ['*', 'cluster.local/workload', false],
    ['we', front, false],
    ['w.b', front, false],
    ['web', 'cluster.local/x/ns/web/y', true],
    ['a*b', 'cluster.local/ns/axx/ns/yyb/z', true],
    ['web', 'cluster.local/ns/web', false],
  ])('namespaces [%s] with peer %s: %s (policy:3.1/2)', (value, from, want) => {
    expect(ruleMatches(source(`namespaces: ["${value}"]`), { from })).toBe(want);
    expect(ruleMatches(when('source.namespace', `values: ["${value}"]`), { from })).toBe(want);
  });

  it.each([
    ['cart', 'cluster.local/ns/shop/sa/cart', true],
    ['cart', 'cluster.local/ns/web/sa/cart', false],
    ['web/front', front, true],
    ['web/front', 'other.example/ns/web/sa/front', true],
    ['web/front', 'cluster.local/ns/web/extra/x/sa/front/more', true],
    ['web/front', 'cluster.local/ns/web/sa/front-2', false],
    ['web/a.b', 'cluster.local/ns/web/sa/a-b', false],
    ['web/front', 'none', false],
  ])('serviceAccounts [%s] with peer %s: %s (policy:3.1/3)', (value, from, want) => {
    const settings = { mesh: { caTrustDomains: ['other.example'] } };
    expect(ruleMatches(source(`serviceAccounts: ["${value}"]`), { from }, { settings })).toBe(want);
    expect(ruleMatches(when('source.serviceAccount', `values: ["${value}"]`), { from }, { settings })).toBe(
      want,
    );
  });

  it.each([
    ['cluster.local', true],
    ['cluster*', true],
    ['*.local', true],
    ['*', true],
    ['cluster', false],
    ['*.example', false],
  ])('trustDomains [%s] with a peer of cluster.local: %s (policy:3.1/4)', (value, want) => {
    expect(ruleMatches(source(`trustDomains: ["${value}"]`))).toBe(want);
    expect(ruleMatches(source(`trustDomains: ["${value}"]`), { from: 'none' })).toBe(false);
  });

  it.each([
    ['10.0.0.7', true],
    ['10.0.0.0/8', true],
    ['10.9.9.9/8', true],
    ['10.0.0.8', false],
    ['2001:db8::/32', false],
    ['::ffff:10.0.0.0/104', true],
    ['0.0.0.0/0', true],
  ])('ipBlocks [%s] with 10.0.0.7: %s (policy:3.1/6 adv:Z19 adv:Z20)', (value, want) => {
    expect(ruleMatches(source(`ipBlocks: ["${value}"]`), { remoteIp: '192.0.2.1' })).toBe(want);
    expect(
      ruleMatches(source(`remoteIpBlocks: ["${value}"]`), { ip: '192.0.2.1', remoteIp: '10.0.0.7' }),
    ).toBe(want);
    expect(ruleMatches(when('source.ip', `values: ["${value}"]`))).toBe(want);
    expect(ruleMatches(when('remote.ip', `values: ["${value}"]`))).toBe(want);
  });

  it('takes the direct peer for the client where nothing else is known (policy:3.1/7)', () => {
    expect(ruleMatches(source('remoteIpBlocks: [10.0.0.7]'))).toBe(true);
    const nowhere = { connection: { sourceIp: undefined } };
    expect(ruleMatches(source('ipBlocks: [0.0.0.0/0]'), nowhere)).toBe(false);
    expect(ruleMatches(source('notIpBlocks: [0.0.0.0/0]'), nowhere)).toBe(true);
  });

  it('absent identities satisfy every not, and no positive match (policy:3.3 adv:Z13)', () => {
    for (const field of ['Principals', 'Namespaces', 'TrustDomains']) {
      const [positive, negative] = [field.charAt(0).toLowerCase() + field.slice(1), `not${field}`];
      expect(ruleMatches(source(`${positive}: ["*"]`), { from: 'none' })).toBe(false);
      expect(ruleMatches(source(`${negative}: ["*"]`), { from: 'none' })).toBe(true);
      expect(ruleMatches(source(`${negative}: ["*"]`), { from: 'none' }, { action: 'DENY' })).toBe(true);
      expect(ruleMatches(source(`${positive}: ["*"]`), { from: 'none' }, { action: 'DENY' })).toBe(false);
    }
  });

  it('strict mode: an absent identity under a not lets nobody in, and still denies (D16 policy:3.3)', () => {
    const settings = { strict: true };
    for (const field of ['notPrincipals: [x]', 'notNamespaces: [x]', 'notRequestPrincipals: [x]']) {
      const rule = source(field);
      expect(ruleMatches(rule, { from: 'none' }, { settings })).toBe(false);
      expect(ruleMatches(rule, { from: 'none' }, { settings, action: 'DENY' })).toBe(true);
    }
    expect(ruleMatches(source('notPrincipals: [x]'), {}, { settings })).toBe(true);
    expect(ruleMatches(source('notIpBlocks: [192.0.2.1]'), { from: 'none' }, { settings })).toBe(true);
  });
});

describe('trust domain aliases', () => {
  const peers = ['new.example', 'old.example', 'cluster.local', 'x.example'];
  const matching = (value: string, field = 'principals') =>
    peers.filter((peer) =>
      ruleMatches(
        source(`${field}: ["${value}"]`),
        { from: `${peer}/ns/web/sa/front` },
        { settings: aliases },
      ),
    );

  it.each([
    ['new.example/ns/web/sa/front', ['new.example', 'old.example']],
    ['old.example/ns/web/sa/front', ['new.example', 'old.example']],
    ['cluster.local/ns/web/sa/front', ['new.example', 'old.example']],
    ['x.example/ns/web/sa/front', ['x.example']],
    ['*/ns/web/sa/front', ['new.example', 'old.example', 'cluster.local', 'x.example']],
    ['*.example/ns/web/sa/front', ['new.example', 'old.example', 'x.example']],
    ['old*/ns/web/sa/front', ['new.example', 'old.example']],
    ['cluster.local/*', ['cluster.local']],
    ['old.example/ns/web/*', ['old.example']],
  ])('principal %s covers %j (policy:3.10)', (value, want) => {
    expect(matching(value)).toEqual(want);
  });

  it('a trustDomains value of the mesh stands for all its names; cluster.local is no pointer (policy:3.10)', () => {
    expect(matching('old.example', 'trustDomains')).toEqual(['new.example', 'old.example']);
    expect(matching('cluster.local', 'trustDomains')).toEqual(['cluster.local']);
  });

  it('expands what stands under a not as well (policy:3.10)', () => {
    const denied = ruleMatches(
      source('notPrincipals: [new.example/ns/web/sa/front]'),
      { from: 'old.example/ns/web/sa/front' },
      { settings: aliases },
    );
    expect(denied).toBe(false);
  });
});

describe('request principals', () => {
  const auth = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: any, namespace: shop}
spec: {jwtRules: [{jwksUri: "https://keys.example/jwks"}]}
---
`;
  const matches = (value: string, claims: Record<string, unknown>) => {
    const rule = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: rule, namespace: shop}
spec: {rules: [{from: [{source: {requestPrincipals: ["${value}"]}}]}]}
`;
    return evaluate(snapshotOf(auth + rule), requestTo({ tokens: [bearer(claims)] })).outcome === 'allow';
  };

  it.each([
    ['*', 'https://i', 's', true],
    ['*', '', 's', false],
    ['https://i/s', 'https://i', 's', true],
    ['https://i/s', 'https://i/', 's', false],
    ['https://i/*', 'https://i', 's', true],
    ['https://i/*', 'https://i', '', false],
    ['https://i/ab*', 'https://i', 'abc', true],
    ['https://i/ab*', 'https://i', 'xab', false],
    ['*/s', 'anything', 's', true],
    ['*/s', '', 's', false],
    ['*x/s', 'aax', 's', true],
    ['*x', 'i', 'abx', true],
    ['*x', 'x', 'ab', false],
    ['x*', 'xyz', 's', true],
    ['plain', 'plain', '', false],
    ['plain', 'plain', 's', false],
    ['*/*', 'i', 's', false],
    ['*/*', 'i', '*', true],
    ['https://a.b*', 'https://a.b', 'c', false],
    ['https://a.b*', 'https:/', 'a.bc', true],
    ['i/g/c', 'i/g', 'c', true],
    ['i/g/c', 'i', 'g/c', false],
  ])('%s with issuer %j and subject %j: %s (policy:3.4)', (value, iss, sub, want) => {
    expect(matches(value, { iss, sub })).toBe(want);
  });

  it('needs both, as strings (policy:3.4 adv:Z16)', () => {
    expect(matches('*', { iss: 'i' })).toBe(false);
    expect(matches('*', { iss: 'i', sub: 7 })).toBe(false);
  });
});
