import { describe, expect, it } from 'vitest';
import { cart, peerYaml, policyYaml, requestAuthYaml, snapshotOf } from '../../../test/support/policy.ts';
import { identitiesFor, policiesFor, requestRules, requestRulesFor } from './queries.ts';

const services = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cart, namespace: shop}
spec:
  hosts: [Cart.shop.example, "*.wild.example"]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  subjectAltNames: ["spiffe://new.example/ns/shop/sa/extra", "spiffe://other.example/x", dns-name]
  workloadSelector: {labels: {app: cart}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-1, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: cart}, serviceAccount: cart}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm-2, namespace: web}
spec: {address: 10.0.0.2, labels: {app: cart}, serviceAccount: front}
---
`;

describe('queries', () => {
  it('say which SPIFFE IDs may serve a host, aliases included (policy:1.5 policy:6.3)', () => {
    const snapshot = snapshotOf(services, {
      mesh: { trustDomain: 'new.example', trustDomainAliases: ['old.example'] },
    });
    const names = identitiesFor(snapshot, 'cart.SHOP.example');
    expect(names?.identities).toEqual([
      'spiffe://new.example/ns/shop/sa/cart',
      'spiffe://new.example/ns/shop/sa/extra',
      'spiffe://old.example/ns/shop/sa/cart',
      'spiffe://old.example/ns/shop/sa/extra',
      'spiffe://other.example/x',
    ]);
    expect(names?.sources).toEqual(['ServiceEntry shop/cart subjectAltNames', 'WorkloadEntry shop/vm-1']);
    expect(identitiesFor(snapshot, 'a.wild.example')?.identities).toHaveLength(5);
    expect(identitiesFor(snapshot, 'unknown.example')).toBeUndefined();
  });

  it('list the policies of a workload in the order in which they are evaluated', () => {
    const yaml =
      policyYaml('z-allow', '{rules: [{}]}') +
      policyYaml('deny', '{action: DENY, rules: [{}]}', { dryRun: true }) +
      policyYaml('audit', '{action: AUDIT, rules: [{}]}') +
      policyYaml('custom', '{action: CUSTOM, provider: {name: door}, rules: [{}]}') +
      policyYaml('a-allow', '{rules: [{}, {}]}', { namespace: 'istio-system' }) +
      policyYaml('elsewhere', '{rules: [{}]}', { namespace: 'web' }) +
      peerYaml('strict', '{mtls: {mode: STRICT}}') +
      requestAuthYaml(
        'jwt',
        '{jwtRules: [{issuer: a, jwksUri: "https://k.example"}, {issuer: b, jwksUri: "https://k.example"}]}',
      );
    const listed = policiesFor(snapshotOf(yaml), cart).map(({ policy, stage, action, dryRun, rules }) =>
      [policy.name, stage, action ?? policy.kind, ...(dryRun ? ['dry run'] : []), rules].join(' '),
    );
    expect(listed).toEqual([
      'strict peer_authentication PeerAuthentication 1',
      'custom custom CUSTOM 1',
      'jwt request_authentication RequestAuthentication 2',
      'audit deny AUDIT 1',
      'deny deny DENY dry run 1',
      'a-allow allow ALLOW 2',
      'z-allow allow ALLOW 1',
    ]);
  });

  it('list the rules whose keys have to be fetched', () => {
    const snapshot = snapshotOf(
      requestAuthYaml(
        'jwt',
        '{selector: {matchLabels: {app: x}}, jwtRules: [{issuer: a, jwksUri: "https://k.example"}]}',
      ),
    );
    expect(requestRules(snapshot).map(({ id }) => id)).toEqual(['shop/jwt/0']);
    expect(requestRulesFor(snapshot, cart)).toEqual([]);
  });
});
