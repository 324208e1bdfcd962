import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AccountIssuer, getCertificate, type IssuedIdentity } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { cliAt } from '../../support/cli-here.ts';
import { httpCall } from '../../support/http-call.ts';
import { appServer, freePort } from '../../support/proxies/app-server.ts';
import {
  registerOn,
  startSdsClient,
  startSdsServer,
  steadyLoad,
  TestNode,
} from '../../support/proxies/sds-pair.ts';
import { findTool } from '../../support/tools.ts';
import { until } from '../../support/wire-server.ts';

const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const web = 'spiffe://cluster.local/ns/shop/sa/web';
const isMissing = findTool('envoy') === undefined;

/** Certificates of one identity that are on record. */
const issued = async (ca: Castellan, id: string) =>
  (await ca.server.state.store.issuances.findBySpiffeId(id, 1_000)).length;

describe.skipIf(isMissing)('two Envoys with certificates from two agents (deploy/envoy/sds-*.yaml)', () => {
  let ca: Castellan;
  const [serverNode, clientNode] = [new TestNode('alpha'), new TestNode('beta')];
  const app = appServer();
  beforeAll(async () => {
    ca = await castellan();
    await Promise.all([serverNode.start(ca), clientNode.start(ca)]);
    await registerOn(ca, serverNode, cart);
    await registerOn(ca, clientNode, web);
  });
  afterAll(async () => {
    await serverNode[Symbol.asyncDispose]();
    await clientNode[Symbol.asyncDispose]();
    await ca?.[Symbol.asyncDispose]();
    await (await app)[Symbol.asyncDispose]();
  });

  it.each(['GRPC', 'DELTA_GRPC'] as const)(
    'speak mutual TLS and tell the server who called, by %s (sds:2.1/1)',
    async (subscription) => {
      const backend = await app;
      await using server = await startSdsServer(serverNode, backend.port, { subscription });
      await using client = await startSdsClient(clientNode, server.port, { subscription });
      expect(await httpCall({ port: client.port, path: '/x' })).toMatchObject({ status: 200, body: 'hello' });
      expect(backend.seen.at(-1)?.headers.get('x-forwarded-client-cert')).toEqual([
        expect.stringContaining(`URI=${web}`),
      ]);
    },
  );

  it('refuse a peer that is not the one named, on either side', async () => {
    const backend = await app;
    const subscription = 'DELTA_GRPC';
    const other = { [`exact: "${web}"`]: 'exact: "spiffe://cluster.local/ns/shop/sa/other"' };
    await using strictServer = await startSdsServer(serverNode, backend.port, {
      subscription,
      changes: other,
    });
    await using turnedAway = await startSdsClient(clientNode, strictServer.port, { subscription });
    const before = backend.seen.length;
    expect((await httpCall({ port: turnedAway.port, path: '/x' })).status).toBe(503);
    await using server = await startSdsServer(serverNode, backend.port, { subscription });
    await using suspicious = await startSdsClient(clientNode, server.port, {
      subscription,
      changes: { [`exact: "${cart}"`]: 'exact: "spiffe://cluster.local/ns/shop/sa/other"' },
    });
    const refused = await httpCall({ port: suspicious.port, path: '/x' });
    expect(refused.status).toBe(503);
    expect(backend.seen.length).toBe(before);
  });
});

describe.skipIf(isMissing)('an Envoy with certificates from an agent', () => {
  it.each(['GRPC', 'DELTA_GRPC'] as const)(
    'refuses the new handshakes of a peer that is revoked while it runs, nobody else’s, and ends no connection, by %s',
    async (subscription) => {
      const accounts = new AccountIssuer();
      await using ca = await castellan({ settings: accounts.settings });
      await using node = await new TestNode('alpha').start(ca);
      await registerOn(ca, node, cart);
      await using backend = await appServer();
      const anyone = { [`exact: "${web}"`]: 'prefix: "spiffe://cluster.local/ns/shop/sa/"' };
      await using server = await startSdsServer(node, backend.port, { subscription, changes: anyone });
      const call = async ({ chainPem, privateKeyPem }: IssuedIdentity) => {
        const tls = { ca: ca.rootsPem(), cert: chainPem, key: privateKeyPem };
        return await httpCall({ port: server.port, path: '/', tls }).then(
          ({ status }) => status,
          () => 'refused' as const,
        );
      };
      const stolen = await getCertificate(ca, accounts.bearer({ account: 'web' }));
      const other = await getCertificate(ca, accounts.bearer({ account: 'batch' }));
      expect([await call(stolen), await call(other)]).toEqual([200, 200]);
      const standing = connectHttp2(`https://127.0.0.1:${server.port}`, {
        ca: ca.rootsPem(),
        cert: stolen.chainPem,
        key: stolen.privateKeyPem,
        checkServerIdentity: () => undefined,
      });
      const onStanding = async () => {
        const stream = standing.request({ ':path': '/' }).resume();
        const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
        return headers[':status'];
      };
      expect(await onStanding()).toBe(200);
      const revoked = await cliAt(ca, ['revoke', web, '--reason', 'stolen', '--yes']);
      expect(revoked.code, revoked.stderr).toBe(0);
      await vi.waitFor(async () => expect(await call(stolen)).toBe('refused'), { timeout: 60_000 });
      expect(await call(other)).toBe(200);
      // What a standing connection may do is for ext_authz to say.
      expect(await onStanding()).toBe(200);
      standing.destroy();
    },
  );
});

describe.skipIf(isMissing)('rotation that nobody notices', () => {
  it('fails no request over twenty rotations, restarts of agent and server, and a new intermediate', async () => {
    const flags = {
      csrPort: String(await freePort()),
      'authority.workloadTtl': '10s',
      'authority.intermediateTtl': '90s',
      'agents.nodeTtl': '5m',
    };
    await using first = await castellan({ flags });
    let ca: Castellan = first;
    const intermediates = new Set<string>();
    const look = () => {
      for (const { role, sha256 } of ca.server.state.authority.status().authorities)
        if (role === 'intermediate') intermediates.add(sha256);
    };
    await using backend = await appServer();
    await using serverNode = await new TestNode('alpha').start(ca);
    await using clientNode = await new TestNode('beta').start(ca);
    await registerOn(ca, serverNode, cart, { x509Ttl: '10s' });
    await registerOn(ca, clientNode, web, { x509Ttl: '10s' });
    await using server = await startSdsServer(serverNode, backend.port, { subscription: 'DELTA_GRPC' });
    await using client = await startSdsClient(clientNode, server.port, { subscription: 'GRPC' });
    const load = steadyLoad(client.port);
    const rotations = async (count: number) => {
      const goal = (await issued(ca, cart)) + count;
      while ((await issued(ca, cart)) < goal) {
        look();
        await new Promise((resolve) => {
          setTimeout(resolve, 200);
        });
      }
    };
    await rotations(6);
    // The agent of the server's node dies and comes back on what it kept.
    await serverNode.stop();
    await serverNode.start(ca);
    await rotations(4);
    // The server dies and comes back.
    await first.server.close();
    ca = await castellan({ flags, stateDir: first.stateDir });
    await rotations(12);
    await until(() => load.sent() > 100);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await issued(ca, web)).toBeGreaterThanOrEqual(20);
    expect(intermediates.size).toBeGreaterThanOrEqual(2);
    await ca[Symbol.asyncDispose]();
  }, 400_000);
});
