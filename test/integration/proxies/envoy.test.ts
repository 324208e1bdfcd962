import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { SpiffeId } from '../../../src/spiffe/index.ts';
import { publicKeyOf } from '../../../src/x509/index.ts';
import { type Castellan, newKey } from '../../support/castellan.ts';
import { cartEntry } from '../../support/check-harness.ts';
import { httpCall } from '../../support/http-call.ts';
import { peerYaml, policyYaml } from '../../support/policy.ts';
import { appServer, greetingServer } from '../../support/proxies/app-server.ts';
import { describeHttpProxy } from '../../support/proxies/http-proxy-suite.ts';
import { startDeployedEnvoy } from '../../support/proxies/program.ts';
import { portOf, shopServer } from '../../support/proxies/shop.ts';
import { findTool } from '../../support/tools.ts';

const httpPorts = { listener: 8000, backend: 8080, castellan: 9191 };
const isMissing = findTool('envoy') === undefined;

describeHttpProxy(
  {
    tool: 'envoy',
    title: 'Envoy with deploy/envoy/ext-authz.yaml',
    start: (around) => startDeployedEnvoy('ext-authz.yaml', around, { ports: httpPorts }),
    door: 'extAuthz',
    relaysBody: true,
    downStatus: 503,
  },
  (parts) => {
    it('writes into its access log what the check said: id, reason, policy, revision', async () => {
      const { proxy } = parts();
      const call = (path: string) => httpCall({ port: proxy.port, path, headers: [['Host', 'cart.shop']] });
      const denied = (await call('/admin/1')).headers.get('x-castellan-decision-id');
      const lines = await proxy.printed(new RegExp(`^.*${denied}.*$`, 'm'));
      expect(JSON.parse(lines[0])).toMatchObject({
        decision_id: denied,
        reason: 'denied_by_policy',
        policy_id: 'ns[shop]-policy[closed]-rule[0]',
        policy_revision: expect.stringMatching(/^[0-9a-f]{16}$/),
        details: 'ext_authz_denied',
        status: 403,
      });
      const shadow = (await call('/open/soon')).headers.get('x-castellan-decision-id');
      const line = await proxy.printed(new RegExp(`^.*${shadow}.*$`, 'm'));
      expect(JSON.parse(line[0])).toMatchObject({ status: 200, shadow: 'denied' });
    });

    it('refuses by itself what could be read in two ways', async () => {
      const { proxy } = parts();
      const call = (path: string, name = 'x-a') =>
        httpCall({
          port: proxy.port,
          path,
          headers: [
            ['Host', 'cart.shop'],
            [name, 'b'],
          ],
        });
      expect((await call('/open%2f..%2fadmin')).status).toBe(400);
      expect((await call('/open', 'x_user')).status).toBe(400);
    });
  },
);

describeHttpProxy(
  {
    tool: 'envoy',
    title: 'Envoy with deploy/envoy/ext-authz-http.yaml',
    start: (around) =>
      startDeployedEnvoy('ext-authz-http.yaml', around, { ports: { ...httpPorts, castellan: 9192 } }),
    door: 'extAuthzHttp',
    relaysBody: true,
    downStatus: 503,
  },
  (parts) => {
    it('tells the client’s own address, whatever the client writes', async () => {
      const { proxy, server } = parts();
      const { headers } = await httpCall({
        port: proxy.port,
        path: '/admin',
        headers: [
          ['Host', 'cart.shop'],
          ['X-Forwarded-For', '203.0.113.9'],
        ],
      });
      const id = headers.get('x-castellan-decision-id') as string;
      const found = await server.server.state.store.decisions.find(id);
      expect(JSON.parse(found?.body ?? '{}')).toMatchObject({
        request: { sourceIp: '127.0.0.1' },
        dialect: 'ext-authz-http',
      });
    });
  },
);

async function identityOf({ server }: Castellan, id: string) {
  const key = newKey();
  const issued = await server.state.authority.issueForKey({
    publicKey: publicKeyOf(key),
    spiffeId: SpiffeId.parse(id),
    requestedTtlSeconds: 3600,
  });
  const [leaf, ...rest] = issued.chainPem;
  return {
    cert: [leaf, ...rest].join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

describe.skipIf(isMissing)('Envoy with deploy/envoy/ext-authz-mtls.yaml', () => {
  it('has a caller judged by the certificate it showed, and its own names the workload', async () => {
    await using running = await shopServer(
      cartEntry +
        peerYaml('strict', '{mtls: {mode: STRICT}}') +
        policyYaml('front', '{rules: [{from: [{source: {principals: ["cluster.local/ns/web/sa/front"]}}]}]}'),
    );
    await using app = await appServer();
    const own = await identityOf(running, 'spiffe://cluster.local/ns/shop/sa/cart');
    const ca = running.rootsPem();
    await using proxy = await startDeployedEnvoy(
      'ext-authz-mtls.yaml',
      { backend: app.port, castellan: portOf(running.server.endpoints.extAuthz) },
      {
        ports: { ...httpPorts, listener: 8443 },
        changes: { 'certs/cart/': '' },
        files: { 'cert.pem': own.cert, 'key.pem': own.key, 'bundle.pem': ca },
      },
    );
    const call = async (id: string) =>
      httpCall({
        port: proxy.port,
        path: '/items',
        headers: [
          ['Host', 'cart.shop'],
          ['X-Castellan-Source-Principal', 'spiffe://cluster.local/ns/web/sa/admin'],
        ],
        tls: { ca, ...(await identityOf(running, id)) },
      });
    expect((await call('spiffe://cluster.local/ns/web/sa/front')).status).toBe(200);
    expect(app.seen.at(-1)?.headers.get('x-castellan-source-principal')).toEqual([
      'spiffe://cluster.local/ns/web/sa/front',
    ]);
    const refused = await call('spiffe://cluster.local/ns/web/sa/other');
    expect([refused.status, refused.body]).toEqual([403, 'RBAC: access denied']);
    const id = refused.headers.get('x-castellan-decision-id') as string;
    const found = await running.server.state.store.decisions.find(id);
    expect(JSON.parse(found?.body ?? '{}')).toMatchObject({
      foundBy: 'spiffe-id',
      request: { tls: 'mutual' },
    });
    expect(app.seen).toHaveLength(1);
  });
});

function greetingOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('anyone?'));
    socket.on('data', (part) => (text += part.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}

const dbEntry = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: db, namespace: shop}
spec: {address: 10.0.0.20, ports: {tcp: 5432}, labels: {app: db}, serviceAccount: db}
---
`;

describe.skipIf(isMissing)('Envoy with deploy/envoy/ext-authz-tcp.yaml', () => {
  const start = async (policies: string) => {
    const running = await shopServer(dbEntry + policies);
    const server = await greetingServer();
    const castellan = portOf(running.server.endpoints.extAuthz);
    const ports = { listener: 5000, backend: 5432, castellan: 9191 };
    const proxy = await startDeployedEnvoy(
      'ext-authz-tcp.yaml',
      { backend: server.port, castellan },
      { ports },
    );
    return {
      proxy,
      running,
      server,
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]();
        await running[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  };

  it('joins a connection that is allowed, closes one that is not, and one that nobody decides (proxies:1.5/12 adv:G5)', async () => {
    const allow = policyYaml('db', '{rules: [{from: [{source: {ipBlocks: ["127.0.0.0/8"]}}]}]}');
    await using open = await start(allow);
    expect(await greetingOf(open.proxy.port)).toBe('welcome');
    await open.running.server.close();
    expect(await greetingOf(open.proxy.port)).toBe('');
  });

  it('closes a connection that is denied, with the reason in its log (proxies:1.5/12)', async () => {
    await using closed = await start(
      policyYaml('db', '{rules: [{from: [{source: {ipBlocks: ["10.0.0.0/8"]}}]}]}'),
    );
    expect(await greetingOf(closed.proxy.port)).toBe('');
    expect(closed.server.met()).toBe(0);
    const [line] = await closed.proxy.printed(/^.*decision_id.*$/m);
    expect(JSON.parse(line)).toMatchObject({
      decision_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      reason: 'denied_no_allow_match',
    });
  });
});
