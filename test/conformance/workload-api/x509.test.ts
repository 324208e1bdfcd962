import { createPrivateKey, createPublicKey } from 'node:crypto';
import { status as StatusCode } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { X509SVIDResponse } from '../../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { publicKeyOf, validatePath } from '../../../src/x509/index.ts';
import { registration } from '../../fakes/agent-server.ts';
import {
  type AgentUnderTest,
  errorOf,
  type Received,
  SocketClient,
  selfSelectors,
  startTestAgent,
} from '../../support/agent.ts';
import { makePki } from '../../support/pki.ts';
import { until } from '../../support/wire-server.ts';
import { splitDer, workloadApi } from '../../support/workload-client.ts';

const td = 'spiffe://cluster.local';
const web = registration('b/web', `${td}/web`, selfSelectors, { hint: 'internal' });
const admin = registration('c/admin', `${td}/admin`, selfSelectors, {
  hint: 'internal',
  federatesWith: ['partner.example', 'unknown.example'],
});

let node: AgentUnderTest;
let client: SocketClient;
beforeAll(async () => {
  node = await startTestAgent({
    prepare: async (server) => {
      const partner = await makePki({ trustDomain: 'partner.example', now: Date.now() });
      const other = await makePki({ trustDomain: 'other.example', now: Date.now() });
      server.state.federated = [
        { trustDomain: 'partner.example', roots: [partner.root.certificate] },
        { trustDomain: 'other.example', roots: [other.root.certificate] },
      ];
    },
    registrations: [admin, web],
  });
  client = new SocketClient(node.socket);
  await until(() => node.agent.node.keeper.held().length === 2);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await node[Symbol.asyncDispose]();
});

const ids = ({ svids }: X509SVIDResponse) => svids.map(({ spiffeId }) => spiffeId);
const rootDer = () => Buffer.from(node.server.rootsDer[0] as Uint8Array);

/** The first message in which these are the identities, in this order. */
async function stateWith(stream: Received<X509SVIDResponse>, wanted: readonly string[]) {
  for (;;) {
    const message = await stream.next();
    if (JSON.stringify(ids(message)) === JSON.stringify(wanted)) return message;
  }
}

describe('FetchX509SVID', () => {
  it('gives every identity, the default one first, in the order of registration names (spiffe:W-01 spiffe:W-05 spiffe:W-11 spiffe:W-22)', async () => {
    using stream = workloadApi.x509(client);
    expect(ids(await stream.next())).toEqual([`${td}/web`, `${td}/admin`]);
    using again = workloadApi.x509(client);
    expect(ids(await again.next())).toEqual([`${td}/web`, `${td}/admin`]);
  });

  it('fills every field that a client needs, certificates as DER without anything between (spiffe:W-11 spiffe:W-16)', async () => {
    using stream = workloadApi.x509(client);
    const { svids } = await stream.next();
    for (const svid of svids) {
      const chain = splitDer(svid.x509Svid);
      const roots = splitDer(svid.bundle);
      expect(roots.map(({ der }) => Buffer.from(der))).toEqual([rootDer()]);
      const verdict = validatePath(
        chain.map(({ der }) => der),
        { now: Date.now(), purpose: 'server', rootsFor: () => roots },
      );
      expect(verdict).toMatchObject({ ok: true, spiffeId: { uri: svid.spiffeId } });
      const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
      expect(publicKeyOf(createPublicKey(key)).spkiSha256).toBe(chain[0]?.publicKey.spkiSha256);
    }
  });

  it('has hints that are unique within one answer (spiffe:W-12)', async () => {
    using stream = workloadApi.x509(client);
    const { svids } = await stream.next();
    expect(svids.map(({ hint }) => hint)).toEqual(['internal', '']);
  });

  it('names federated bundles by the ID of their trust domain, only those its identities federate with (spiffe:W-10 spiffe:W-15 spiffe:W-23)', async () => {
    using stream = workloadApi.x509(client);
    const { federatedBundles } = await stream.next();
    expect(Object.keys(federatedBundles)).toEqual(['spiffe://partner.example']);
    const [root] = splitDer(federatedBundles['spiffe://partner.example'] ?? new Uint8Array(0));
    expect(root?.san?.uris).toEqual(['spiffe://partner.example']);
  });

  it('sends the whole state again when anything of it changes, and ends when nothing is left (spiffe:W-04 spiffe:W-05 spiffe:W-07 spiffe:W-14)', async () => {
    using stream = workloadApi.x509(client);
    await stateWith(stream, [`${td}/web`, `${td}/admin`]);
    const first = registration('a/first', `${td}/first`, selfSelectors);
    node.server.register(first, web, admin);
    const three = await stateWith(stream, [`${td}/first`, `${td}/web`, `${td}/admin`]);
    expect(three.svids.every(({ x509Svid, bundle }) => x509Svid.length > 0 && bundle.length > 0)).toBe(true);
    node.server.register(web);
    const one = await stateWith(stream, [`${td}/web`]);
    expect(one.federatedBundles).toEqual({});
    node.server.register();
    expect((await errorOf(stateWith(stream, []))).code).toBe(StatusCode.PERMISSION_DENIED);
    node.server.register(web, admin);
    await until(() => node.agent.node.keeper.held().length === 2);
  });

  it('says nothing when nothing changed for this workload (spiffe:W-05)', async () => {
    using stream = workloadApi.x509(client);
    await stream.next();
    const more = stream.next().then(ids);
    node.server.register(web, admin, registration('z/other', `${td}/other`, ['unix:uid:77']));
    node.server.push(['revocations']);
    await until(() => node.agent.node.keeper.held().length === 3);
    node.server.register(registration('a/first', `${td}/first`, selfSelectors), web, admin);
    expect(await more).toEqual([`${td}/first`, `${td}/web`, `${td}/admin`]);
    node.server.register(web, admin);
    await until(() => node.agent.node.keeper.held().length === 2);
  });

  it('exchanges certificate and key together, and goes on with the old until then (spiffe:W-04)', async () => {
    using stream = workloadApi.x509(client);
    const before = await stream.next();
    const [old] = splitDer(before.svids[0]?.x509Svid ?? new Uint8Array(0));
    node.server.state.revocations = { deniedSerials: [old?.serial ?? ''] };
    node.server.push(['revocations']);
    const after = await stream.next();
    const [fresh] = splitDer(after.svids[0]?.x509Svid ?? new Uint8Array(0));
    expect(fresh?.serial).not.toBe(old?.serial);
    expect(
      Buffer.compare(
        after.svids[0]?.x509SvidKey ?? new Uint8Array(0),
        before.svids[0]?.x509SvidKey ?? new Uint8Array(0),
      ),
    ).not.toBe(0);
    expect(after.svids[1]?.x509Svid).toEqual(before.svids[1]?.x509Svid);
  });
});

describe('FetchX509Bundles', () => {
  it('holds the own trust domain and the federated ones, X.509 only, and follows them (spiffe:W-15 spiffe:W-16 spiffe:W-23)', async () => {
    using stream = workloadApi.x509Bundles(client);
    const { bundles } = await stream.next();
    expect(Object.keys(bundles).sort()).toEqual(['spiffe://cluster.local', 'spiffe://partner.example']);
    expect(Buffer.from(bundles['spiffe://cluster.local'] ?? [])).toEqual(rootDer());
    const next = await makePki({ now: Date.now() });
    node.server.state.roots = [node.server.pki.root.certificate, next.root.certificate];
    node.server.push(['bundles']);
    const changed = await stream.next();
    expect(splitDer(changed.bundles['spiffe://cluster.local'] ?? new Uint8Array(0))).toHaveLength(2);
  });
});
