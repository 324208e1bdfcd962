/**
 * Everybody who asks: the doors of the server, a door at a node with an agent of its own, and an Envoy that serves mutual
 * TLS with what that agent gives it over SDS. Each is asked in turn until it refuses the identity.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metrics } from '../../src/adapters/telemetry/index.ts';
import { type RunningAgent, startAgent } from '../../src/app/agent.ts';
import { systemEnvironment } from '../../src/app/environment.ts';
import { loadSettings } from '../../src/app/settings/index.ts';
import { parseCertificatesPem } from '../../src/x509/index.ts';
import { FakeLogger } from '../../test/fakes/logger.ts';
import type { IssuedIdentity } from '../../test/support/callers.ts';
import { ask, CheckClient } from '../../test/support/check-harness.ts';
import { makeCsr } from '../../test/support/foreign-pki.ts';
import { httpCall } from '../../test/support/http-call.ts';
import { IstioClient, tlsCredentials } from '../../test/support/istio-client.ts';
import { appServer, freePort } from '../../test/support/proxies/app-server.ts';
import { deployed, type RunningProxy, startEnvoy } from '../../test/support/proxies/program.ts';
import { findTool } from '../../test/support/tools.ts';
import { clockMs } from './clock-ms.ts';

export interface DoorsStart {
  readonly csr: string;
  readonly extAuthz: string;
  readonly extAuthzHttp: string;
  readonly rootsPem: string;
  readonly joinToken: string;
}

export interface Victim extends Pick<IssuedIdentity, 'chainPem' | 'privateKeyPem'> {
  readonly id: string;
}

export type DoorsOrder =
  | { readonly start: DoorsStart }
  /** Find each door open for this one, then ask until it is closed. */
  | { readonly victim: Victim }
  /** The operator has the answer: the CSR door is asked once from now on, since each call that it lets in is a write. */
  | { readonly committed: true };

export type DoorsAnswer =
  | { readonly ready: readonly string[] }
  | { readonly asking: string }
  | { readonly refusedAt: Readonly<Record<string, number>> };

interface Door {
  readonly name: string;
  /** True: let in. */
  readonly ask: (victim: Victim) => Promise<boolean>;
}

const everyMs = 5;
const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms);
  });

class Doors implements AsyncDisposable {
  readonly #start: DoorsStart;
  readonly #stack: AsyncDisposableStack;
  readonly #doors: readonly Door[];
  #committed: () => void = () => undefined;

  private constructor(
    start: DoorsStart,
    stack: AsyncDisposableStack,
    opened: { readonly agent: RunningAgent; readonly envoy: RunningProxy | undefined },
  ) {
    this.#start = start;
    this.#stack = stack;
    const server = stack.use(new CheckClient(start.extAuthz));
    const node = stack.use(new CheckClient(opened.agent.checks?.extAuthz ?? ''));
    const { envoy } = opened;
    const overTls = ({ chainPem, privateKeyPem }: Victim) => ({
      ca: start.rootsPem,
      cert: chainPem,
      key: privateKeyPem,
    });
    this.#doors = [
      { name: 'gRPC ext_authz', ask: checked(server) },
      ...httpDoors(Number(start.extAuthzHttp.split(':').at(-1))),
      { name: 'gRPC ext_authz at a node', ask: checked(node) },
      ...(envoy === undefined
        ? []
        : [
            {
              name: 'new handshake with an Envoy over SDS',
              ask: async (victim: Victim) => {
                const call = httpCall({ port: envoy.port, path: '/', tls: overTls(victim) });
                return await call.then(
                  ({ status }) => status === 200,
                  () => false,
                );
              },
            },
          ]),
    ];
  }

  static async open(start: DoorsStart): Promise<Doors> {
    await using stack = new AsyncDisposableStack();
    const scratch = mkdtempSync(join(tmpdir(), 'cst-bench-doors-'));
    stack.defer(() => rmSync(scratch, { recursive: true, force: true }));
    const agent = stack.use(await openAgent(start, scratch));
    const envoy = findTool('envoy') === undefined ? undefined : stack.use(await openEnvoy(agent, stack));
    return new Doors(start, stack.move(), { agent, envoy });
  }

  get names(): readonly string[] {
    return this.#doors.map(({ name }) => name);
  }

  committed(): void {
    this.#committed();
  }

  /** Resolves with when each door refused first; `onAsking` is called when all of them have let the victim in. */
  async round(victim: Victim, onAsking: () => void): Promise<Record<string, number>> {
    using existing = this.#csrClient(victim);
    const csr = await makeCsr();
    await existing.create({ csr: csr.pem });
    for (const { ask } of this.#doors) while (!(await ask(victim))) await pause(everyMs);
    const committed = new Promise<void>((resolve) => {
      this.#committed = resolve;
    });
    const refusedAt: Record<string, number> = {};
    const refused = this.#doors.map(async ({ name, ask }) => {
      while (await ask(victim)) await pause(everyMs);
      refusedAt[name] = clockMs();
    });
    onAsking();
    await committed;
    const atCsr = async (name: string, client: IstioClient) => {
      await client.refused({ csr: csr.pem });
      refusedAt[name] = clockMs();
    };
    using fresh = this.#csrClient(victim);
    await Promise.all([
      atCsr('CSR door, standing connection', existing),
      atCsr('CSR door, new connection', fresh),
      ...refused,
    ]);
    return refusedAt;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  #csrClient(victim: Victim): IstioClient {
    const { csr, rootsPem } = this.#start;
    return new IstioClient(csr, tlsCredentials({ rootsPem, ...victim }));
  }
}

function checked(client: CheckClient): Door['ask'] {
  return async ({ id }) => (await client.check(ask({ principal: id }))).response.status?.code === 0;
}

function httpDoors(port: number): readonly Door[] {
  const workload = 'workload=shop/cart&port=8080';
  const asked = (path: string, headersOf: (victim: Victim) => Readonly<Record<string, string>>) => {
    return async (victim: Victim) =>
      (await httpCall({ port, path, headers: Object.entries(headersOf(victim)) })).status === 200;
  };
  const certificate = ({ chainPem }: Victim) => encodeURIComponent(leafOf(chainPem));
  return [
    {
      name: 'HTTP ext_authz',
      ask: asked('/authz/ext-authz/shop/cart:8080/items', ({ id }) => ({
        host: 'cart.shop',
        'x-real-ip': '10.0.0.7',
        'x-forwarded-proto': 'https',
        'x-forwarded-client-cert': `URI=${id}`,
      })),
    },
    {
      name: 'forward-auth',
      ask: asked(`/authz/forward-auth?${workload}`, (victim) => ({
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/items',
        'x-forwarded-host': 'cart.shop',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '10.0.0.7',
        'x-ssl-client-cert': certificate(victim),
      })),
    },
    {
      name: 'auth-request',
      ask: asked(`/authz/auth-request?${workload}`, (victim) => ({
        'x-original-method': 'GET',
        'x-original-url': 'https://cart.shop/items',
        'x-real-ip': '10.0.0.7',
        'x-ssl-client-cert': certificate(victim),
      })),
    },
    { name: 'AuthZEN', ask: (victim) => evaluated(port, victim) },
  ];
}

async function evaluated(port: number, { id }: Victim): Promise<boolean> {
  const { body } = await httpCall({
    port,
    method: 'POST',
    path: '/access/v1/evaluation',
    headers: [['content-type', 'application/json']],
    body: JSON.stringify({
      subject: { type: 'spiffe', id },
      action: { name: 'GET', properties: { path: '/items' } },
      resource: { type: 'workload', id: 'shop/cart', properties: { port: 8080, host: 'cart.shop' } },
      context: { sourceIp: '10.0.0.7', scheme: 'https' },
    }),
  });
  return (JSON.parse(body) as { readonly decision?: boolean }).decision === true;
}

const leafOf = (chainPem: string) => /-----BEGIN[^]*?-----END CERTIFICATE-----/.exec(chainPem)?.[0] ?? '';

async function openAgent(start: DoorsStart, stateDir: string): Promise<RunningAgent> {
  const flags = {
    stateDir,
    'agent.checks.enabled': 'true',
    'agent.checks.grpcPort': '0',
    'agent.checks.httpPort': '0',
  };
  return await startAgent({
    settings: loadSettings({ env: {}, flags, cwd: stateDir }).settings,
    environment: { ...systemEnvironment(new FakeLogger()), variables: {} },
    metrics: new Metrics({ version: 'bench', component: 'agent' }),
    target: start.csr,
    firstRoots: async () => parseCertificatesPem(start.rootsPem).map(({ der }) => der),
    evidence: { method: 'join_token', readToken: () => start.joinToken },
    noteRefusal: () => undefined,
  });
}

/** `deploy/envoy/sds-server.yaml`, for every victim. */
async function openEnvoy(agent: RunningAgent, stack: AsyncDisposableStack): Promise<RunningProxy> {
  const backend = stack.use(await appServer());
  const port = await freePort();
  const config = deployed('envoy/sds-server.yaml', {
    'port_value: 8443 ': `port_value: ${port} `,
    'port_value: 8080 ': `port_value: ${backend.port} `,
    'port_value: 9901 ': 'port_value: 0 ',
    '/run/castellan/workload/api.sock': agent.socket.path,
    'exact: "spiffe://cluster.local/ns/shop/sa/web"': 'prefix: "spiffe://cluster.local/ns/shop/sa/"',
  });
  return await startEnvoy(config, port);
}

const tell = (answer: DoorsAnswer) => void process.send?.(answer);
let doors: Doors | undefined;

async function obey(order: DoorsOrder): Promise<void> {
  if ('start' in order) {
    doors = await Doors.open(order.start);
    tell({ ready: doors.names });
  } else if ('victim' in order) {
    const { victim } = order;
    const refusedAt = await doors?.round(victim, () => tell({ asking: victim.id }));
    tell({ refusedAt: refusedAt ?? {} });
  } else doors?.committed();
}

process.on('message', (order: DoorsOrder) => {
  obey(order).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => {
  void doors?.[Symbol.asyncDispose]().finally(() => process.exit(0));
});
