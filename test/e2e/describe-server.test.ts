import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type ServerProcess, scratchDirectory, startServer } from '../support/cli-process.ts';

const scratch = scratchDirectory();
const cwd = scratch.path;
let server: ServerProcess;
const documents = [
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: 'cart', namespace: 'shop' },
    spec: { address: '10.0.0.7', serviceAccount: 'cart', labels: { app: 'cart' }, ports: { http: 8080 } },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'strict', namespace: 'shop' },
    spec: { mtls: { mode: 'STRICT' } },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'closed', namespace: 'shop' },
    spec: { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin'] } }] }] },
  },
];
beforeAll(async () => {
  server = await startServer({ cwd });
  writeFileSync(join(cwd, 'all.yaml'), documents.map((one) => JSON.stringify(one)).join('\n---\n'));
  expect(await run(['apply', '-f', 'all.yaml', '--wait'], { cwd })).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await server?.stop();
  scratch.remove();
});

describe('castellan describe without files', () => {
  it('tells mutual TLS and policies of a workload as the server has them in force', async () => {
    const { code, stdout, stderr } = await run(['describe', 'workload/cart', '--namespace', 'shop'], { cwd });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('STRICT');
    expect(stdout).toContain('closed');
  });

  it('says no for a workload that the server does not know, and how to see what there is', async () => {
    const { code, stderr, stdout } = await run(['describe', 'workload/nobody', '--namespace', 'shop'], {
      cwd,
    });
    expect([code === 0, stdout]).toEqual([false, '']);
    expect(stderr).toContain('there is no WorkloadEntry `shop/nobody` (WORKLOAD_UNKNOWN)');
    expect(stderr).toContain('castellan get WorkloadEntry');
  });
});
