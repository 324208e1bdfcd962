import { describe, expect, it } from 'vitest';
import {
  cart,
  peerYaml,
  policyYaml,
  type RequestOptions,
  requestTo,
  snapshotOf,
} from '../../../test/support/policy.ts';
import type { PortProtocol, WorkloadFacts } from '../request.ts';
import { evaluate } from './evaluate.ts';

const workloadWith = (protocol: PortProtocol): WorkloadFacts => ({
  ...cart,
  ports: protocol === 'auto' ? new Map() : new Map([[8080, protocol]]),
});

const connections = {
  plaintext: { from: 'none' },
  'mesh HTTP, valid': { connection: { alpn: 'istio-http/1.1' } },
  'mesh TCP, valid': { connection: { alpn: 'istio' } },
  'mesh, no certificate': { from: 'none', connection: { tls: 'one-way', alpn: 'istio-h2' } },
  'mesh, expired': { connection: { peerProblem: 'expired', peer: undefined } },
  'foreign, valid': { connection: { alpn: 'h2' } },
  'foreign, no certificate': { from: 'none', connection: { tls: 'one-way', alpn: '' } },
} as const satisfies Record<string, RequestOptions>;

/** `http+id`, `tcp`, … what the rules see; or the reason of the refusal. */
function admit(mode: string, protocol: PortProtocol, name: keyof typeof connections): string {
  const allowAll = policyYaml('all', '{rules: [{}]}');
  const snapshot = snapshotOf(peerYaml('mode', `{mtls: {mode: ${mode}}}`) + allowAll);
  const asked = requestTo({ ...connections[name], to: workloadWith(protocol) });
  const decision = evaluate(snapshot, asked);
  if (decision.outcome === 'deny') return decision.reason;
  const needsId = policyYaml('id', '{rules: [{from: [{source: {principals: ["*"]}}]}]}');
  const withId = evaluate(snapshotOf(peerYaml('mode', `{mtls: {mode: ${mode}}}`) + needsId), asked);
  return decision.layer + (withId.outcome === 'allow' ? '+id' : '');
}

const strict = 'peer_plaintext_under_strict';
const rows: readonly (readonly [string, PortProtocol, readonly string[]])[] = [
  ['STRICT', 'http', [strict, 'http+id', 'http+id', strict, 'peer_expired', 'http+id', strict]],
  ['STRICT', 'tcp', [strict, 'tcp+id', 'tcp+id', strict, 'peer_expired', 'tcp+id', strict]],
  ['STRICT', 'auto', [strict, 'http+id', 'tcp+id', strict, 'peer_expired', 'tcp+id', strict]],
  [
    'PERMISSIVE',
    'http',
    ['http', 'http+id', 'http+id', strict, 'peer_expired', 'request_malformed', 'request_malformed'],
  ],
  ['PERMISSIVE', 'tcp', ['tcp', 'tcp+id', 'tcp+id', strict, 'peer_expired', 'tcp', 'tcp']],
  ['PERMISSIVE', 'auto', ['http', 'http+id', 'tcp+id', strict, 'peer_expired', 'tcp', 'tcp']],
  ['DISABLE', 'http', ['http', ...Array<string>(6).fill('request_malformed')]],
  ['DISABLE', 'tcp', Array<string>(7).fill('tcp')],
  ['DISABLE', 'auto', ['http', ...Array<string>(6).fill('tcp')]],
  [
    'UNSET',
    'http',
    ['http', 'http+id', 'http+id', strict, 'peer_expired', 'request_malformed', 'request_malformed'],
  ],
];

describe('peer authentication', () => {
  it.each(rows)(
    'under %s a port declared %s takes what the truth table says (policy:1.3)',
    (mode, protocol, want) => {
      const got = (Object.keys(connections) as (keyof typeof connections)[]).map((name) =>
        admit(mode, protocol, name),
      );
      expect(got).toEqual(want);
    },
  );

  it.each([
    ['untrusted-root', 'peer_untrusted_root'],
    ['revoked', 'peer_revoked'],
    ['malformed', 'peer_untrusted_root'],
  ] as const)('names why a %s certificate gives no identity (policy:1.3/2)', (peerProblem, reason) => {
    const asked = requestTo({ connection: { peer: undefined, peerProblem } });
    expect(evaluate(snapshotOf(''), asked)).toMatchObject({ reason, stage: 'peer_authentication' });
  });

  it('takes peers of its trust domain, its aliases and accepted authorities only (policy:1.3)', () => {
    const mesh = {
      trustDomain: 'new.example',
      trustDomainAliases: ['old.example'],
      caTrustDomains: ['ca.example'],
    };
    const from = (trustDomain: string) => requestTo({ from: `${trustDomain}/ns/web/sa/front` });
    const outcomes = ['new.example', 'old.example', 'ca.example', 'cluster.local'].map(
      (trustDomain) => evaluate(snapshotOf('', { mesh }), from(trustDomain)).reason,
    );
    expect(outcomes).toEqual([
      'allowed_no_policy',
      'allowed_no_policy',
      'allowed_no_policy',
      'peer_unknown_trust_domain',
    ]);
    const anyone = snapshotOf('', { mesh, skipTrustDomainValidation: true });
    expect(evaluate(anyone, from('cluster.local')).outcome).toBe('allow');
  });

  it('wants mutual TLS at the HBONE port whatever the policy says (policy:1.2/7)', () => {
    const snapshot = snapshotOf(peerYaml('off', '{mtls: {mode: DISABLE}}'));
    expect(evaluate(snapshot, requestTo({ from: 'none', port: 15008 })).reason).toBe(strict);
  });

  it('plays no part at a gateway, where a certificate that failed is still no pass (policy:1.2/8)', () => {
    const snapshot = snapshotOf(peerYaml('strict', '{mtls: {mode: STRICT}}'));
    const to: WorkloadFacts = { ...cart, proxy: 'gateway' };
    expect(evaluate(snapshot, requestTo({ from: 'none', to })).outcome).toBe('allow');
    const expired = requestTo({ to, connection: { peer: undefined, peerProblem: 'expired' } });
    expect(evaluate(snapshot, expired).reason).toBe('peer_expired');
  });

  it.each([
    ['STRICT', 'none', strict],
    ['STRICT', 'cluster.local/ns/web/sa/front', 'allowed_no_policy'],
    ['DISABLE', 'none', 'allowed_no_policy'],
    ['DISABLE', 'cluster.local/ns/web/sa/front', 'allowed_no_policy'],
    ['PERMISSIVE', 'none', 'allowed_no_policy'],
  ])('at a ztunnel %s with peer %s ends in %s (policy:1.4)', (mode, from, reason) => {
    const snapshot = snapshotOf(peerYaml('mode', `{mtls: {mode: ${mode}}}`));
    expect(evaluate(snapshot, requestTo({ from, to: { ...cart, proxy: 'ztunnel' } })).reason).toBe(reason);
  });

  it('believes a door that cannot know the ALPN: a certificate is mesh traffic, its absence no identity', () => {
    const door = (mode: string, tls: 'mutual' | 'one-way') =>
      evaluate(
        snapshotOf(peerYaml('mode', `{mtls: {mode: ${mode}}}`)),
        requestTo({
          from: tls === 'mutual' ? 'cluster.local/ns/web/sa/front' : 'none',
          connection: { tls, alpn: undefined },
        }),
      ).reason;
    expect(door('STRICT', 'mutual')).toBe('allowed_no_policy');
    expect(door('STRICT', 'one-way')).toBe(strict);
    expect(door('PERMISSIVE', 'one-way')).toBe('allowed_no_policy');
    expect(door('DISABLE', 'mutual')).toBe('allowed_no_policy');
  });
});
