import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startCollector } from '../fakes/otlp-collector.ts';
import { ask, CheckClient, cartEntry } from '../support/check-harness.ts';
import { run, scratchDirectory, startServer } from '../support/cli-process.ts';
import { policyYaml } from '../support/policy.ts';

const scratches: ReturnType<typeof scratchDirectory>[] = [];
afterAll(() => {
  for (const scratch of scratches) scratch.remove();
});

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const policies = `${cartEntry}${policyYaml('gate', '{rules: [{to: [{operation: {paths: ["/open", "/items"]}}]}]}')}---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: trial, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{to: [{operation: {paths: ["/items"]}}]}]}
`;

async function serverWith(env: Readonly<Record<string, string>>) {
  const scratch = scratchDirectory();
  scratches.push(scratch);
  const cwd = scratch.path;
  const config = join(cwd, 'castellan.yaml');
  writeFileSync(config, 'proxies: [{name: local, listener: ext-authz, trustProxyPrincipal: true}]\n');
  const server = await startServer({ cwd, env, args: ['--config', config] });
  const cliEnv = { CASTELLAN_SERVER: server.endpoints.adminSocket };
  const applied = await run(['apply', '-f', '-', '--wait', '-n', 'shop'], {
    cwd,
    env: cliEnv,
    input: policies,
  });
  expect(applied.code).toBe(0);
  return server;
}

describe('traces', () => {
  it('have a span of each check that a caller wants traced, with its decision and that of the dry run', async () => {
    await using collector = await startCollector();
    const server = await serverWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    using client = new CheckClient(server.endpoints.extAuthz);
    const w3c = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'mesh=1' };
    const { response } = await client.check(ask({ path: '/items', headers: w3c }));
    await client.check(ask({ path: '/closed', headers: { b3: `${traceId}-${spanId}-1` } }));
    await client.check(ask({ path: '/open', headers: { traceparent: `00-${traceId}-${spanId}-00` } }));
    // What is left is brought when the server ends.
    await server.stop();
    const spans = collector.spans.filter(({ name }) => name === 'castellan.authz.check');
    expect(spans).toMatchObject([
      {
        traceId,
        parentSpanId: spanId,
        traceState: 'mesh=1',
        kind: 2,
        attributes: {
          'castellan.decision': 'allow',
          'castellan.decision_id': response.dynamicMetadata?.decision_id,
          'castellan.policy_id': 'ns[shop]-policy[gate]-rule[0]',
          'castellan.destination_workload': 'shop/cart',
          'castellan.shadow_decision': 'deny',
          'istio.authorization.dry_run.deny_policy.result': 'denied',
          'istio.authorization.dry_run.deny_policy.name': 'ns[shop]-policy[trial]-rule[0]',
        },
        resource: { 'service.name': 'castellan' },
      },
      {
        traceId,
        parentSpanId: spanId,
        attributes: { 'castellan.decision': 'deny', 'castellan.reason': 'denied_no_allow_match' },
      },
    ]);
    const [first] = spans;
    expect(BigInt(first?.endTimeUnixNano ?? 0) >= BigInt(first?.startTimeUnixNano ?? 1)).toBe(true);
  });

  it('of compilations, of signatures, and of every check, are kept when the standard names say so', async () => {
    await using collector = await startCollector();
    const server = await serverWith({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_SERVICE_NAME: 'gatehouse',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    });
    using client = new CheckClient(server.endpoints.extAuthz);
    await client.check(ask({ path: '/open' }));
    await vi.waitFor(
      () => {
        const names = new Set(collector.spans.map(({ name }) => name));
        // The node agent of `up` joins with a certificate.
        expect(names).toEqual(
          new Set(['castellan.authz.check', 'castellan.ca.sign', 'castellan.policy.compile']),
        );
      },
      { timeout: 30_000 },
    );
    expect(collector.spans.every(({ resource }) => resource['service.name'] === 'gatehouse')).toBe(true);
    await server.stop();
  });

  it('that nobody takes change no decision, and none go anywhere unasked', async () => {
    await using collector = await startCollector();
    const dead = collector.url.replace(/\d+$/, '1');
    const server = await serverWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: dead,
      OTEL_TRACES_SAMPLER: 'always_on',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    });
    using client = new CheckClient(server.endpoints.extAuthz);
    for (let i = 0; i < 50; i++) {
      const { response } = await client.check(ask({ path: '/open' }));
      expect(response.status?.code ?? 0).toBe(0);
    }
    await server.stop('SIGKILL');
    const off = await serverWith({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SDK_DISABLED: 'true' });
    using other = new CheckClient(off.endpoints.extAuthz);
    await other.check(ask({ path: '/open', headers: { traceparent: `00-${traceId}-${spanId}-01` } }));
    await off.stop();
    expect(collector.spans).toEqual([]);
  });
});
