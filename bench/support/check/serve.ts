/**
 * A process under load: `node serve.ts JSON`. It says on which port it serves, and serves until its input ends. Either
 * the whole server with its policies in force, or a handler that only decodes the message: the floor.
 */
import cluster from 'node:cluster';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import fastify from 'fastify';
import { jsonLogger } from '../../../src/adapters/telemetry/index.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { settleMemory } from '../../../src/app/settle-memory.ts';
import { startUp } from '../../../src/app/up.ts';
import { applyResources } from '../../../src/operations/apply-resource.ts';
import {
  Authorization,
  CheckRequestSchema,
  CheckResponseSchema,
} from '../../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import { grpcService } from '../../../src/wire/grpc/service.ts';
import { startHttpsServer } from '../../../test/fakes/https-server.ts';
import { FakeTokenIssuer } from '../../../test/fakes/token-issuer.ts';
import { jwks, parsePlan, policyTexts, type ServePlan } from './plan.ts';

async function serveEmptyGrpc(): Promise<number> {
  const server = new Server();
  const [definition] = Object.values(grpcService(Authorization));
  const answer = create(CheckResponseSchema, { status: { code: 0 } });
  server.addService(
    {
      check: {
        ...definition,
        requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
        responseSerialize: () => Buffer.from(toBinary(CheckResponseSchema, answer)),
      } as NonNullable<typeof definition>,
    },
    { check: (_call: unknown, callback: (error: null, value: unknown) => void) => callback(null, answer) },
  );
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

async function serveEmptyHttp(): Promise<number> {
  const server = fastify();
  server.get('/authz/forward-auth', (_request, reply) => reply.send(''));
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

async function serveCastellan(
  plan: ServePlan,
): Promise<{ grpc: number; http: number; readonly commands: Readonly<Record<string, () => Promise<void>>> }> {
  const scratch = mkdtempSync(join(tmpdir(), 'castellan-bench-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const file = join(scratch, 'castellan.yaml');
  const proxies = ['ext-authz', 'ext-authz-http'].map((listener) => ({
    name: listener,
    listener,
    trustProxyPrincipal: true,
  }));
  const issuer = plan.isFetched ? await serveKeys() : undefined;
  const caFile = join(scratch, 'issuer-ca.pem');
  if (issuer !== undefined) writeFileSync(caFile, issuer.ca);
  const outbound = issuer && { caFile, allow: ['127.0.0.0/8', '::1/128'] };
  const { workers = 0 } = plan;
  writeFileSync(file, JSON.stringify({ proxies, outbound, workers }), { mode: 0o600 });
  const ports = ['csrPort', 'adminPort', 'observabilityPort', 'extAuthzPort', 'extAuthzHttpPort'];
  const flags = { stateDir: join(scratch, 'state'), ...Object.fromEntries(ports.map((name) => [name, '0'])) };
  const loaded = loadSettings({ file, env: {}, flags, cwd: scratch });
  const { level, scopes } = loaded.settings.logging;
  const logger = jsonLogger({ level, scopes, always: {} });
  const environment = systemEnvironment(logger);
  const server = await startUp({ loaded, environment });
  const operator = { name: 'bench', method: 'local', role: 'admin', requestId: 'bench' } as const;
  const apply = async (text: string) => {
    const outcome = await applyResources(server.state.store.resources, operator, {
      text,
      file: 'bench.yaml',
      defaultNamespace: 'shop',
      dryRun: false,
    });
    if (outcome.refused) throw new Error(JSON.stringify(outcome.findings));
    const { clock } = environment;
    const limits = { clock, waitMs: 120_000, signal: AbortSignal.timeout(120_000) };
    const { inForce } = await server.checks.enforcers.waitFor(outcome.revision, limits);
    if (!inForce) throw new Error('a policy did not come into force everywhere');
  };
  for (const text of policyTexts(plan, issuer && `https://localhost:${issuer.port}/keys`)) await apply(text);
  const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));
  let changes = 0;
  return {
    grpc: portOf(server.endpoints.extAuthz),
    http: portOf(server.endpoints.extAuthzHttp),
    commands: {
      change: () =>
        apply(
          `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: changing, namespace: other}\nspec: {rules: [{to: [{operation: {paths: ["/${changes++}"]}}]}]}\n`,
        ),
      // The next fetch brings another set: the old key and a new one.
      'new-keys': async () => issuer?.exchange(),
    },
  };
}

/** The issuer's key set, over https, until it is exchanged for one with a key more. */
async function serveKeys() {
  let text = jwks;
  const server = await startHttpsServer((_request, response) => response.end(text));
  const exchange = () => {
    const { keys } = JSON.parse(jwks) as { keys: object[] };
    text = JSON.stringify({ keys: [...keys, new FakeTokenIssuer({ kid: 'key-2' }).jwk()] });
  };
  return { ca: server.ca, port: server.port, exchange };
}

/** As many processes as the plan says, one port: the floor of several workers. */
async function serveEmptyWorkers(workers: number): Promise<number> {
  const ports = await Promise.all(
    Array.from({ length: workers }, () => {
      const worker = cluster.fork();
      return new Promise<number>((resolve) => {
        worker.once('listening', ({ port }: AddressInfo) => resolve(port));
      });
    }),
  );
  return ports[0] as number;
}

/** Memory as the command settles it once a server is up. */
function ready(ports: { readonly grpc: number; readonly http: number }): void {
  settleMemory();
  process.stdout.write(`${JSON.stringify(ports)}\n`);
}

const plan = parsePlan(process.argv[2] ?? '');
const { workers = 0 } = plan;
if (cluster.isPrimary) process.stdin.resume().on('end', () => process.exit(0));
else process.on('disconnect', () => process.exit(0));
if (plan.kind === 'castellan') {
  const { grpc, http, commands } = await serveCastellan(plan);
  process.stdin.on('data', (data: Buffer) => {
    const command = commands[data.toString().trim()];
    void command?.().then(() => process.stdout.write('done\n'));
  });
  ready({ grpc, http });
} else {
  const port =
    plan.kind === 'empty-http'
      ? await serveEmptyHttp()
      : workers > 0 && cluster.isPrimary
        ? await serveEmptyWorkers(workers)
        : await serveEmptyGrpc();
  if (cluster.isPrimary) ready({ grpc: port, http: port });
}
