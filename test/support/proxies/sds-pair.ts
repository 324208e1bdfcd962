import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metrics } from '../../../src/adapters/telemetry/index.ts';
import { type RunningAgent, startAgent } from '../../../src/app/agent.ts';
import { systemEnvironment } from '../../../src/app/environment.ts';
import { loadSettings } from '../../../src/app/settings/index.ts';
import { FakeLogger } from '../../fakes/logger.ts';
import { agentToken } from '../agent-client.ts';
import { applyText } from '../apply.ts';
import type { Castellan } from '../castellan.ts';
import { httpCall } from '../http-call.ts';
import { freePort } from './app-server.ts';
import { deployed, type RunningProxy, startEnvoy } from './program.ts';

/** A node with an agent of its own: it can be stopped and started again on what it kept. */
export class TestNode implements AsyncDisposable {
  readonly name: string;
  readonly #scratch = mkdtempSync(join(tmpdir(), 'cst-node-'));
  readonly logger = new FakeLogger();
  #agent: RunningAgent | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get socket(): string {
    return join(this.#scratch, 'workload', 'api.sock');
  }

  get id(): string {
    return `spiffe://cluster.local/castellan/agent/join_token/${this.name}`;
  }

  get agent(): RunningAgent {
    if (this.#agent === undefined) throw new Error(`the agent of ${this.name} is stopped`);
    return this.#agent;
  }

  async start(ca: Castellan): Promise<this> {
    const { settings } = loadSettings({ env: {}, flags: { stateDir: this.#scratch }, cwd: this.#scratch });
    const token = await agentToken(ca, this.name);
    this.#agent = await startAgent({
      settings,
      environment: { ...systemEnvironment(this.logger), variables: {} },
      metrics: new Metrics({ version: 'test', component: 'agent' }),
      target: ca.address,
      firstRoots: async () => ca.server.state.authority.bundle().x509Roots,
      evidence: { method: 'join_token', readToken: () => token },
      noteRefusal: () => undefined,
    });
    return this;
  }

  async stop(): Promise<void> {
    await this.#agent?.close();
    this.#agent = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

/** Whatever runs as this account on that node is this identity. */
export async function registerOn(
  ca: Castellan,
  node: TestNode,
  spiffeId: string,
  spec: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const document = {
    apiVersion: 'castellan.dev/v1alpha1',
    kind: 'IdentityRegistration',
    metadata: { name: `${node.name}-${spiffeId.split('/').at(-1)}` },
    spec: { spiffeId, parentId: node.id, selectors: [`unix:uid:${process.getuid?.() ?? 0}`], ...spec },
  };
  await applyText(ca, JSON.stringify(document));
}

export type Subscription = 'GRPC' | 'DELTA_GRPC';

const agentSocket = '/run/castellan/workload/api.sock';
const anyConnection = 'name: cart\n      connect_timeout: 2s\n';

/** `deploy/envoy/sds-server.yaml` on that node, in front of `backend`. */
export async function startSdsServer(
  node: TestNode,
  backend: number,
  how: { readonly subscription: Subscription; readonly changes?: Readonly<Record<string, string>> },
): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed('envoy/sds-server.yaml', {
    'port_value: 8443 ': `port_value: ${port} `,
    'port_value: 8080 ': `port_value: ${backend} `,
    'port_value: 9901 ': 'port_value: 0 ',
    [agentSocket]: node.socket,
    'api_type: DELTA_GRPC': `api_type: ${how.subscription}`,
    ...how.changes,
  });
  return await startEnvoy(config, port);
}

/** `deploy/envoy/sds-client.yaml` on that node; each request makes a handshake of its own. */
export async function startSdsClient(
  node: TestNode,
  server: number,
  how: { readonly subscription: Subscription; readonly changes?: Readonly<Record<string, string>> },
): Promise<RunningProxy> {
  const port = await freePort();
  const config = deployed('envoy/sds-client.yaml', {
    'port_value: 8001 ': `port_value: ${port} `,
    'port_value: 8443 ': `port_value: ${server} `,
    'port_value: 9902 ': 'port_value: 0 ',
    [agentSocket]: node.socket,
    'api_type: DELTA_GRPC': `api_type: ${how.subscription}`,
    [anyConnection]: `${anyConnection}      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          common_http_protocol_options: { max_requests_per_connection: 1 }
          explicit_http_config: { http_protocol_options: {} }
`,
    ...how.changes,
  });
  return await startEnvoy(config, port);
}

export interface SteadyLoad {
  readonly sent: () => number;
  /** What was answered other than 200, oldest first. */
  readonly failures: readonly string[];
  /** Ends with the request that is under way. */
  stop(): Promise<void>;
}

/** One request after the other, with a short pause, until it is stopped. */
export function steadyLoad(port: number): SteadyLoad {
  const failures: string[] = [];
  let sent = 0;
  const over = new AbortController();
  const run = async () => {
    while (!over.signal.aborted) {
      sent++;
      try {
        const { status, body } = await httpCall({ port, path: `/${sent}` });
        if (status !== 200) failures.push(`request ${sent}: ${status} ${body.slice(0, 300)}`);
      } catch (error) {
        failures.push(`request ${sent}: ${String(error)}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
  };
  const done = run();
  return {
    sent: () => sent,
    failures,
    stop() {
      over.abort();
      return done;
    },
  };
}
