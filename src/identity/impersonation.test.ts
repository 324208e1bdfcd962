import { describe, expect, it } from 'vitest';
import { parseSelector, parseTrustDomain, SpiffeId } from '../spiffe/index.ts';
import {
  type Caller,
  decideImpersonation,
  entitledIdentities,
  impersonationRules,
  mayBeRegistered,
  type Registration,
  RegistrationIndex,
} from './index.ts';

const trustDomain = parseTrustDomain('cluster.local');
const id = (path: string) => SpiffeId.parse(`spiffe://cluster.local${path}`);
const ztunnel = id('/ns/istio-system/sa/ztunnel');
const agent = id('/castellan/agent/node-a');
let count = 0;
const registration = (spiffeId: SpiffeId, more: Partial<Registration> = {}): Registration => ({
  name: `r/${count++}`,
  spiffeId,
  selectors: [],
  federatesWith: [],
  dnsNames: [],
  ...more,
});

const registry = new RegistrationIndex('Kubernetes', [
  registration(ztunnel, { node: 'node-a', instanceUid: 'zt-a' }),
  registration(ztunnel, { node: 'node-b', instanceUid: 'zt-b' }),
  registration(id('/ns/istio-system/sa/lonely'), { node: 'node-a' }),
  registration(id('/ns/shop/sa/cart'), { node: 'node-a', instanceUid: 'cart-1' }),
  registration(id('/ns/shop/sa/till'), { node: 'node-b', instanceUid: 'till-1' }),
  registration(id('/ns/shop/sa/both'), { node: 'node-a' }),
  registration(id('/ns/shop/sa/both'), { node: 'node-b' }),
  registration(id('/ns/shop/sa/nowhere')),
  registration(id('/db'), { parentId: agent }),
  registration(id('/group'), { parentId: agent }),
  registration(id('/deep'), { parentId: id('/group') }),
  registration(id('/group'), { parentId: id('/deep') }),
  registration(id('/elsewhere'), { parentId: id('/castellan/agent/node-b') }),
]);
const rules = impersonationRules({
  trustDomain,
  clusterId: 'Kubernetes',
  trustedAccounts: ['istio-system/ztunnel', 'istio-system/lonely'],
});

const pod = (more: Partial<NonNullable<Caller['node']>> = {}): Caller => ({
  identities: [ztunnel],
  method: 'jwt',
  subject: 'ztunnel',
  node: {
    clusterId: 'Kubernetes',
    namespace: 'istio-system',
    serviceAccount: 'ztunnel',
    podUid: 'zt-a',
    podName: 'zt-x',
    ...more,
  },
});
const byCertificate = (identity: SpiffeId): Caller => ({
  identities: [identity],
  method: 'client_cert',
  subject: identity.uri,
});
const decide = (caller: Caller, wanted: string, using = rules) => {
  const decision = decideImpersonation(caller, wanted, registry, using);
  return decision.allowed ? decision.id.uri : decision.reason;
};
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const till = 'spiffe://cluster.local/ns/shop/sa/till';
const both = 'spiffe://cluster.local/ns/shop/sa/both';

describe('a trusted node proxy', () => {
  it('is nobody special where no accounts are trusted (csr:I1)', () => {
    expect(decide(pod(), cart, impersonationRules({ ...rules, trustedAccounts: [] }))).toBe(
      'no-trusted-accounts',
    );
  });

  it('may be a workload on its node, and is then that workload only (csr:I2)', () => {
    expect(decide(pod(), cart)).toBe(cart);
  });

  it('may not be a workload that is only elsewhere, or nowhere (csr:I3)', () => {
    expect(decide(pod(), till)).toBe('not-on-node');
    expect(decide(pod(), 'spiffe://cluster.local/ns/shop/sa/nowhere')).toBe('not-on-node');
    expect(decide(pod(), 'spiffe://cluster.local/ns/shop/sa/unheard-of')).toBe('not-on-node');
  });

  it('may be a workload that is here and elsewhere (csr:I4)', () => {
    expect(decide(pod(), both)).toBe(both);
    expect(decide(pod({ podUid: 'zt-b' }), both)).toBe(both);
  });

  it('must be the very instance that is registered (csr:I5)', () => {
    expect(decide(pod({ podUid: 'other' }), cart)).toBe('instance-unknown');
    expect(decide(pod({ podUid: 'cart-1' }), cart)).toBe('instance-differs');
    expect(decide(pod({ serviceAccount: 'lonely' }), cart)).toBe('instance-differs');
    expect(decide(pod({ clusterId: 'west' }), cart)).toBe('instance-unknown');
  });

  it.each([
    ['not an ID', 'not-a-spiffe-id'],
    ['', 'not-a-spiffe-id'],
    ['spiffe://cluster.local/ns/shop/sa/cart/', 'not-a-spiffe-id'],
    [`${cart},${till}`, 'not-a-spiffe-id'],
    ['spiffe://cluster.local/ns/shop', 'not-a-workload-id'],
    ['spiffe://cluster.local/ns/shop/sa/cart/x', 'not-a-workload-id'],
    ['spiffe://cluster.local/db', 'not-a-workload-id'],
    ['spiffe://cluster.local', 'not-a-workload-id'],
  ])('may not be %j (csr:I6)', (wanted, reason) => {
    expect(decide(pod(), wanted)).toBe(reason);
  });

  it('may not be of another trust domain, nor a node', () => {
    expect(decide(pod(), 'spiffe://other.example/ns/shop/sa/cart')).toBe('foreign-trust-domain');
    expect(decide(pod(), agent.uri)).toBe('reserved-id');
  });

  it('that comes by certificate is bound to its node if it runs on one only, else refused (csr:I7)', () => {
    expect(decide(byCertificate(id('/ns/istio-system/sa/lonely')), cart)).toBe(cart);
    expect(decide(byCertificate(id('/ns/istio-system/sa/lonely')), till)).toBe('not-on-node');
    expect(decide(byCertificate(ztunnel), cart)).toBe('no-node-binding');
    expect(decide(byCertificate(id('/ns/shop/sa/cart')), till)).toBe('caller-not-trusted');
  });
});

describe('a caller that is not trusted', () => {
  it('is refused whatever it runs beside', () => {
    const caller: Caller = {
      ...pod(),
      node: { clusterId: 'Kubernetes', namespace: 'shop', serviceAccount: 'cart', podUid: 'cart-1' },
    };
    expect(decide(caller, both)).toBe('caller-not-trusted');
    expect(decide(byCertificate(id('/db')), cart)).toBe('caller-has-no-account');
  });

  it.each(['istio-system', 'a/b/c', '/x', 'x/', 'a b/c'])('cannot be configured as %j', (account) => {
    expect(() => impersonationRules({ ...rules, trustedAccounts: [account] })).toThrow(TypeError);
  });
});

describe('a node by its own SVID', () => {
  it('may be what is registered under it, directly or through others', () => {
    expect(decide(byCertificate(agent), 'spiffe://cluster.local/db')).toBe('spiffe://cluster.local/db');
    expect(decide(byCertificate(agent), 'spiffe://cluster.local/deep')).toBe('spiffe://cluster.local/deep');
  });

  it('may not be anything else', () => {
    expect(decide(byCertificate(agent), 'spiffe://cluster.local/elsewhere')).toBe(
      'not-registered-under-node',
    );
    expect(decide(byCertificate(agent), cart)).toBe('not-registered-under-node');
    expect(decide(byCertificate(agent), agent.uri)).toBe('reserved-id');
    expect(decide(byCertificate(id('/castellan/agent/node-c')), 'spiffe://cluster.local/db')).toBe(
      'not-registered-under-node',
    );
  });

  it('is one only by certificate', () => {
    const joining: Caller = { identities: [agent], method: 'join_token', subject: agent.uri };
    expect(decide(joining, 'spiffe://cluster.local/db')).toBe('caller-has-no-account');
  });
});

describe('registrations', () => {
  it('that claim one instance for two workloads bind neither', () => {
    const index = new RegistrationIndex('Kubernetes', [
      registration(id('/ns/a/sa/a'), { node: 'n1', instanceUid: 'same' }),
      registration(id('/ns/b/sa/b'), { node: 'n2', instanceUid: 'same' }),
      registration(id('/ns/b/sa/b'), { node: 'n2', instanceUid: 'same' }),
    ]);
    expect(index.findInstance('Kubernetes', 'same')).toBeUndefined();
  });

  it('entitle whoever shows all their selectors under their parent', () => {
    const selectors = (...texts: string[]) => texts.map(parseSelector);
    const all = [
      registration(id('/one'), { parentId: agent, selectors: selectors('unix:uid:1000') }),
      registration(id('/two'), { parentId: agent, selectors: selectors('unix:uid:1000', 'unix:gid:7') }),
      registration(id('/none'), { parentId: agent }),
      registration(id('/other'), {
        parentId: id('/castellan/agent/node-b'),
        selectors: selectors('unix:uid:1000'),
      }),
      registration(id('/orphan'), { selectors: selectors('unix:uid:1000') }),
    ];
    const entitled = (...shown: string[]) =>
      entitledIdentities(all, agent, selectors(...shown)).map(({ spiffeId }) => spiffeId.path);
    expect(entitled('unix:uid:1000', 'unix:user:me')).toEqual(['/one']);
    expect(entitled('unix:uid:1000', 'unix:gid:7')).toEqual(['/one', '/two']);
    expect(entitled()).toEqual([]);
  });

  it('are for IDs of ours with a path that is not a node', () => {
    const may = (uri: string) => mayBeRegistered(SpiffeId.parse(uri), trustDomain);
    expect(may('spiffe://cluster.local/db')).toBe(true);
    for (const uri of [
      'spiffe://cluster.local',
      'spiffe://other.example/db',
      'spiffe://cluster.local/castellan/agent/x',
    ])
      expect(may(uri)).toBe(false);
  });
});
