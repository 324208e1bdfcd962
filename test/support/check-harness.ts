import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { extAuthzServer } from '../../src/endpoints/ext-authz/index.ts';
import { httpCheckServer } from '../../src/endpoints/forward-auth/index.ts';
import {
  type ActivePolicy,
  CheckRequest,
  type CustomAuthorizer,
  type DecidedCheck,
  PeerIdentities,
  type PeerTrust,
  type ProxyBinding,
  ProxyBindings,
  type RequestTokens,
  WorkloadDirectory,
} from '../../src/operations/check-request/index.ts';
import { compile, type EngineSettings } from '../../src/policy/index.ts';
import type { AnyResource, ExtensionProvider } from '../../src/resources/index.ts';
import {
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '../../src/wire/gen/envoy/service/auth/v3/external_auth_pb.js';
import type { HttpLimits } from '../../src/wire/http/server.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { makePki, type TestPki } from './pki.ts';
import { resourcesOf } from './policy.ts';

export interface HarnessOptions {
  readonly policies?: string;
  readonly settings?: EngineSettings;
  readonly bindings?: readonly ProxyBinding[];
  readonly providers?: readonly ExtensionProvider[];
  readonly custom?: CustomAuthorizer;
  readonly tokens?: RequestTokens;
  readonly pki?: TestPki;
  /** Instead of the trust in `pki` alone. */
  readonly trust?: PeerTrust;
  readonly clock?: typeof systemClock;
  readonly httpLimits?: Partial<HttpLimits>;
}

export const localBinding: ProxyBinding = {
  name: 'local',
  listener: 'ext-authz',
  trustProxyPrincipal: true,
};

/** The workload `shop/cart` at 10.0.0.9:8080, labels app=cart, account cart. */
export const cartEntry = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: cart, namespace: shop}
spec: {address: 10.0.0.9, ports: {http: 8080, tcp-raw: 9000}, labels: {app: cart}, serviceAccount: cart}
---
`;

export function activePolicy(yaml: string, options: HarnessOptions = {}): ActivePolicy {
  const resources: readonly AnyResource[] = resourcesOf(cartEntry + yaml);
  const providers = options.providers ?? [];
  const snapshot = compile(resources, {
    ...options.settings,
    mesh: { extensionProviders: providers, ...options.settings?.mesh },
  });
  return {
    snapshot,
    resources,
    workloads: new WorkloadDirectory(resources),
    providers: new Map(providers.map((provider) => [provider.name, provider])),
    hasCustom: resources.some((r) => r.kind === 'AuthorizationPolicy' && r.spec.action === 'CUSTOM'),
    hasTokenRules: resources.some((r) => r.kind === 'RequestAuthentication'),
    storeRevision: 1n,
  };
}

/** The verb with everything around it real, but for what the test gives. */
export async function checkHarness(options: HarnessOptions = {}) {
  const logger = new FakeLogger();
  const pki = options.pki ?? (await makePki({ now: Date.now() }));
  const decided: DecidedCheck[] = [];
  const revoked = new Set<string>();
  let trustRevision = 1;
  const trust: PeerTrust = options.trust ?? {
    rootsFor: (td) => (td === 'cluster.local' ? [pki.root.certificate] : undefined),
    knownIssuers: () => [pki.intermediate.certificate],
    crls: () => [],
    revision: () => trustRevision,
  };
  let policy: ActivePolicy | undefined = activePolicy(options.policies ?? '', options);
  const checks = new CheckRequest({
    policy: () => policy,
    bindings: new ProxyBindings(options.bindings ?? [localBinding]),
    peers: new PeerIdentities(trust, {
      isRevoked: (serial, id) => revoked.has(id) || (serial !== undefined && revoked.has(serial)),
    }),
    tokens: options.tokens ?? { verify: () => [] },
    custom: options.custom ?? { ask: () => Promise.reject(new Error('nobody is there')) },
    observer: { decided: (check) => void decided.push(check) },
    clock: options.clock ?? systemClock,
    stopwatch: () => performance.now(),
    random: systemRandom,
    logger,
  });
  return {
    checks,
    decided,
    logger,
    pki,
    revoked,
    trust,
    setPolicy: (yaml: string) => {
      policy = activePolicy(yaml, options);
    },
    setActive: (active: ActivePolicy) => {
      policy = active;
    },
    unsetPolicy: () => {
      policy = undefined;
    },
    bumpTrust: () => trustRevision++,
  };
}

export type CheckInit = MessageInitShape<typeof CheckRequestSchema>;

export interface CallOptions {
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the wire brought back: the answer, or the gRPC error that should not have been. */
export interface Checked {
  readonly response: CheckResponse;
  readonly bytes: Uint8Array;
}

/** A gRPC client that speaks like Envoy. */
export class CheckClient implements Disposable {
  readonly #client: Client;

  constructor(address: string, creds = credentials.createInsecure()) {
    this.#client = new Client(address, creds);
  }

  check(init: CheckInit, options?: CallOptions): Promise<Checked> {
    return this.send(toBinary(CheckRequestSchema, create(CheckRequestSchema, init)), options);
  }

  /** Any bytes at all. */
  send(bytes: Uint8Array, { deadlineMs = 5_000, metadata = {} }: CallOptions = {}): Promise<Checked> {
    const md = new Metadata();
    for (const [name, value] of Object.entries(metadata)) md.set(name, value);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/envoy.service.auth.v3.Authorization/Check',
        (value: Uint8Array) => Buffer.from(value),
        (value: Buffer) => value,
        bytes,
        md,
        { deadline: Date.now() + deadlineMs },
        (error, answer) => {
          if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
          else resolve({ response: fromBinary(CheckResponseSchema, answer), bytes: answer });
        },
      );
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The verb behind its gRPC door, on a loopback port, with a client. */
export async function checkServer(options: HarnessOptions = {}) {
  const harness = await checkHarness(options);
  const server = await extAuthzServer({
    address: { kind: 'plaintext', host: '127.0.0.1', port: 0 },
    name: 'ext-authz',
    checks: harness.checks,
    logger: harness.logger,
  });
  const client = new CheckClient(server.address);
  const http = await httpCheckServer({
    http: {
      logger: harness.logger,
      clock: systemClock,
      random: systemRandom,
      ...(options.httpLimits === undefined ? {} : { limits: options.httpLimits }),
    },
    checks: harness.checks,
    listener: 'ext-authz',
  });
  await http.listen({ host: '127.0.0.1', port: 0 });
  const { port: httpPort } = http.server.address() as AddressInfo;
  return {
    ...harness,
    httpPort,
    server,
    client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await Promise.all([server.close(0), http.close()]);
    },
  };
}

export interface AskOptions {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly principal?: string;
  readonly certificate?: string;
  readonly ip?: string;
  readonly to?: string;
  readonly port?: number;
  readonly tcp?: boolean;
  readonly protocol?: string;
  /** As Envoy sends it that was told to. */
  readonly body?: string | Uint8Array;
  readonly extensions?: Readonly<Record<string, string>>;
}

export const webFront = 'spiffe://cluster.local/ns/web/sa/front';

/** A check as Envoy asks it: by default GET /items on shop/cart, from `web/front`. */
export function ask(options: AskOptions = {}): CheckInit {
  const { method = 'GET', path = '/items', host = 'cart.shop', principal = webFront } = options;
  const socket = (address: string, port: number) => ({
    address: {
      case: 'socketAddress' as const,
      value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
    },
  });
  return {
    attributes: {
      source: {
        address: { address: socket(options.ip ?? '10.0.0.7', 41000).address },
        principal,
        certificate: options.certificate ?? '',
      },
      destination: { address: { address: socket(options.to ?? '10.0.0.9', options.port ?? 8080).address } },
      contextExtensions: { ...options.extensions },
      ...(options.tcp
        ? {}
        : {
            request: {
              http: {
                id: '1',
                method,
                path,
                host,
                scheme: 'https',
                protocol: options.protocol ?? 'HTTP/2',
                ...(typeof options.body === 'string'
                  ? { body: options.body }
                  : { rawBody: options.body ?? new Uint8Array() }),
                headers: {
                  ':method': method,
                  ':path': path,
                  ':authority': host,
                  ':scheme': 'https',
                  ...options.headers,
                },
              },
            },
          }),
    },
  };
}

export function tokenHashOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}
