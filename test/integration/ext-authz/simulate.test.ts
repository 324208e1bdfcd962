import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyText } from '../../support/apply.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { type AskOptions, ask, CheckClient, cartEntry } from '../../support/check-harness.ts';
import { cliAt } from '../../support/cli-here.ts';
import { policyYaml, requestAuthYaml } from '../../support/policy.ts';

const settings = `decisions: {sampleAllows: 0.5}
proxies: [{name: local, listener: ext-authz, trustProxyPrincipal: true}]
`;
const front = 'cluster.local/ns/web/sa/front';
const allowFront = policyYaml(
  'gate',
  `{rules: [{from: [{source: {principals: ["${front}"]}}]}, {to: [{operation: {paths: ["/open"]}}]}]}`,
);
const key = '{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0","kid":"a","alg":"HS256"}]}';

let running: Castellan;
beforeAll(async () => {
  running = await castellan({ settings });
  await applyText(running, cartEntry + allowFront);
  using client = new CheckClient(running.server.endpoints.extAuthz);
  const send = async (times: number, options: AskOptions) => {
    for (let i = 0; i < times; i++) await client.check(ask(options));
  };
  await send(8, { path: '/items/42' });
  await send(3, { path: '/admin', principal: 'spiffe://cluster.local/ns/ops/sa/batch' });
  await send(4, { path: '/secret', headers: { authorization: 'Bearer abc' } });
});
afterAll(() => running[Symbol.asyncDispose]());

async function simulate(text: string, ...more: string[]) {
  const { code, stdout, stderr } = await cliAt(
    running,
    ['simulate', '-f', '-', '--last', '1h', '-o', 'json', ...more],
    text,
  );
  return { code, stderr, report: stdout === '' ? undefined : JSON.parse(stdout) };
}

describe('castellan simulate', () => {
  it('groups what would flip by caller, callee and operation, samples weighed, and exits 1', async () => {
    const { code, report } = await simulate(
      policyYaml('closed', '{action: DENY, rules: [{to: [{operation: {paths: ["/items/*"]}}]}]}'),
    );
    expect(code).toBe(1);
    expect(report).toMatchObject({ flips: 4, undecidable: 0 });
    expect(report.flipGroups).toMatchObject([
      {
        caller: `spiffe://${front}`,
        callee: 'shop/cart:8080',
        operation: 'GET /items/{id}',
        from: 'allow',
        to: 'deny',
        reason: 'denied_by_policy',
        policyId: 'ns[shop]-policy[closed]-rule[0]',
        recorded: 4,
        estimated: 8,
        counted: 8,
      },
    ]);
    const explained = await cliAt(running, ['explain', report.flipGroups[0].example, '-o', 'json']);
    expect(JSON.parse(explained.stdout).record.request.http.path).toBe('/items/42');
  });

  it('sees what a replaced policy would let in', async () => {
    const { code, report } = await simulate(policyYaml('gate', '{rules: [{}]}'));
    expect(code).toBe(1);
    expect(report.flipGroups).toMatchObject([
      { caller: 'spiffe://cluster.local/ns/ops/sa/batch', operation: 'GET /admin', to: 'allow', recorded: 3 },
    ]);
  });

  it('tells for how many requests, counted one by one, and `get traffic` has them all', async () => {
    const { code, stdout } = await cliAt(running, ['get', 'traffic', '--for', 'shop/cart', '-o', 'json']);
    expect(code).toBe(0);
    const { items } = JSON.parse(stdout);
    const key = { destination: 'shop/cart', port: 8080, method: 'GET', tls: 'mutual' };
    expect(items).toMatchObject([
      { ...key, caller: `spiffe://${front}`, path: '/items/{id}', allowed: 8, denied: 0 },
      { ...key, caller: `spiffe://${front}`, path: '/secret', allowed: 4, denied: 0 },
      { ...key, caller: 'spiffe://cluster.local/ns/ops/sa/batch', path: '/admin', allowed: 0, denied: 3 },
    ]);
    const table = await cliAt(running, ['get', 'traffic', '--since', '1h', '--limit', '1']);
    expect(table.stdout).toMatch(/shop\/cart:8080 +GET \/item\S* +8 +0/);
  });

  it('exits 0 where nothing would change, and changes nothing itself', async () => {
    const before = running.server.state.store.resources.revision();
    const { code, report } = await simulate(
      policyYaml('other', '{selector: {matchLabels: {app: other}}, rules: []}'),
    );
    expect([code, report.flips, report.undecidable]).toEqual([0, 0, 0]);
    expect(report.replayed).toBe(9);
    expect(running.server.state.store.resources.revision()).toBe(before);
  });

  it('names what was not recorded, and guesses nothing', async () => {
    const header = policyYaml(
      'keyed',
      '{action: DENY, rules: [{to: [{operation: {paths: ["/secret"]}}], when: [{key: "request.headers[authorization]", notValues: ["Bearer abc"]}]}]}',
    );
    const { code, report } = await simulate(header);
    expect(code).toBe(0);
    expect(report).toMatchObject({ flips: 0, undecidable: 2 });
    expect(report.undecidableGroups).toMatchObject([
      { missing: 'request.headers[authorization] was not recorded', recorded: 2, estimated: 4 },
    ]);
  });

  it('does not take a token that nobody verified for no token', async () => {
    const jwt = requestAuthYaml('jwt', `{jwtRules: [{issuer: "https://i", jwks: '${key}'}]}`);
    const { report } = await simulate(jwt);
    expect(report.undecidableGroups).toMatchObject([
      {
        missing: 'a token in request.headers[authorization] was not verified for the changed rule',
        recorded: 2,
      },
    ]);
  });

  it('does not guess what a CUSTOM provider would say', async () => {
    const custom = `apiVersion: castellan.dev/v1alpha1
kind: MeshConfig
metadata: {name: mesh, namespace: istio-system}
spec: {extensionProviders: [{name: opa, envoyExtAuthzGrpc: {service: opa, port: 1}}]}
---
${policyYaml('ask', '{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: ["/items/*"]}}]}]}')}`;
    const { code, report } = await simulate(custom);
    expect(code).toBe(0);
    expect(report.undecidableGroups).toMatchObject([
      { missing: 'CUSTOM provider opa was not asked', recorded: 4 },
    ]);
  });

  it('refuses files with an error, with place and exit code 1', async () => {
    const { code, stderr, report } = await simulate(policyYaml('bad', '{rules: [{frm: []}]}'));
    expect([code, report.refused]).toEqual([1, true]);
    expect(stderr).toContain('error CAS');
  });

  it('says it in words too', async () => {
    const args = ['simulate', '-f', '-', '--last', '1h'];
    const text = policyYaml('closed', '{action: DENY, rules: [{to: [{operation: {paths: ["/items/*"]}}]}]}');
    const { stdout } = await cliAt(running, args, text);
    expect(stdout).toContain('allow > deny');
    expect(stdout).toMatch(/4 of 9 decisions of the last 1h \(~15 requests\) would change/);
  });
});
