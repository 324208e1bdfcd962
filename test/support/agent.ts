import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { Metrics } from '../../src/adapters/telemetry/index.ts';
import type { WorkloadRefusal } from '../../src/agent/index.ts';
import { type AgentOptions, type RunningAgent, startAgent } from '../../src/app/agent.ts';
import { systemEnvironment } from '../../src/app/environment.ts';
import { loadSettings } from '../../src/app/settings/index.ts';
import { FakeAgentServer, goodJoinToken, type RegistrationInit } from '../fakes/agent-server.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { until } from './wire-server.ts';

export interface AgentUnderTest extends AsyncDisposable {
  readonly agent: RunningAgent;
  readonly server: FakeAgentServer;
  readonly logger: FakeLogger;
  readonly metrics: Metrics;
  readonly refusals: WorkloadRefusal[];
  readonly stateDir: string;
  readonly socket: string;
}

export interface AgentUnderTestOptions {
  readonly server?: FakeAgentServer;
  readonly stateDir?: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly options?: Partial<AgentOptions>;
  /** What is registered before the agent joins. */
  readonly registrations?: readonly RegistrationInit[];
  /** What is done to the server before the agent joins. */
  readonly prepare?: (server: FakeAgentServer) => void | Promise<void>;
  /** False: does not wait until the agent has heard from its server. */
  readonly isHeard?: boolean;
}

/** The real agent in this process, joined to a server, with its socket open. */
export async function startTestAgent(given: AgentUnderTestOptions = {}): Promise<AgentUnderTest> {
  const scratch = mkdtempSync(join(tmpdir(), 'cst-agent-'));
  const stateDir = given.stateDir ?? join(scratch, 'state');
  const server = given.server ?? (await FakeAgentServer.start());
  await given.prepare?.(server);
  if (given.registrations !== undefined) server.register(...given.registrations);
  const logger = new FakeLogger();
  const { settings } = loadSettings({ env: {}, flags: { stateDir, ...given.flags }, cwd: scratch });
  const metrics = new Metrics({ version: 'test', component: 'agent' });
  const refusals: WorkloadRefusal[] = [];
  const agent = await startAgent({
    settings,
    environment: { ...systemEnvironment(logger), variables: {} },
    metrics,
    target: server.target,
    firstRoots: async () => server.rootsDer,
    evidence: { method: 'join_token', readToken: () => goodJoinToken },
    noteRefusal: (refusal) => refusals.push(refusal),
    ...given.options,
  });
  if (given.isHeard !== false) await until(() => agent.node.sync.view !== undefined);
  return {
    agent,
    server,
    logger,
    metrics,
    refusals,
    stateDir,
    socket: agent.socket.path,
    async [Symbol.asyncDispose]() {
      await agent.close();
      if (given.server === undefined) await server[Symbol.asyncDispose]();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** The selectors that this very process has. */
export const selfSelectors: readonly string[] = [`unix:uid:${process.getuid?.() ?? 0}`];

export const securityHeader: Readonly<Record<string, string>> = { 'workload.spiffe.io': 'true' };

export interface Received<T> extends Disposable {
  /** The next message, or the error that ended the stream. */
  next(): Promise<T>;
  readonly stream: ClientReadableStream<T>;
}

/** What any gRPC client makes of the socket. */
export class SocketClient implements Disposable {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  unary<I extends DescMessage, O extends DescMessage>(
    path: string,
    [input, output]: readonly [I, O],
    request: MessageInitShape<I>,
    headers: Readonly<Record<string, string | readonly string[]>> = securityHeader,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
        path,
        (message) => Buffer.from(toBinary(input, message)),
        (bytes) => fromBinary(output, bytes),
        create(input, request),
        metadataOf(headers),
        { deadline: Date.now() + 30_000 },
        (error, answer) => (error === null ? resolve(answer as MessageShape<O>) : reject(error)),
      );
    });
  }

  stream<O extends DescMessage>(
    path: string,
    [input, output]: readonly [DescMessage, O],
    headers: Readonly<Record<string, string | readonly string[]>> = securityHeader,
    options: CallOptions = {},
  ): Received<MessageShape<O>> {
    const stream = this.#client.makeServerStreamRequest<unknown, MessageShape<O>>(
      path,
      () => Buffer.from(toBinary(input, create(input))),
      (bytes) => fromBinary(output, bytes),
      undefined,
      metadataOf(headers),
      options,
    );
    return receive(stream);
  }

  duplex<I extends DescMessage, O extends DescMessage>(
    path: string,
    [input, output]: readonly [I, O],
    headers: Readonly<Record<string, string>> = {},
  ) {
    const stream = this.#client.makeBidiStreamRequest<MessageShape<I>, MessageShape<O>>(
      path,
      (message) => Buffer.from(toBinary(input, message)),
      (bytes) => fromBinary(output, bytes),
      metadataOf(headers),
    );
    const received = receive<MessageShape<O>>(stream);
    return Object.assign(received, {
      send: (message: MessageInitShape<I>) => void stream.write(create(input, message)),
      end: () => void stream.end(),
    });
  }
}

function metadataOf(headers: Readonly<Record<string, string | readonly string[]>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers))
    for (const one of typeof value === 'string' ? [value] : value) metadata.add(name, one);
  return metadata;
}

function receive<T>(stream: ClientReadableStream<T>): Received<T> {
  const waiting: { resolve: (value: T) => void; reject: (error: Error) => void }[] = [];
  const arrived: T[] = [];
  let over: Error | undefined;
  const end = (error: Error) => {
    over ??= error;
    for (const { reject } of waiting.splice(0)) reject(over);
  };
  stream.on('data', (message: T) => {
    const first = waiting.shift();
    if (first === undefined) arrived.push(message);
    else first.resolve(message);
  });
  stream.on('error', (error: ServiceError) => end(error));
  stream.on('end', () => end(new Error('the stream ended')));
  return {
    stream,
    next() {
      const message = arrived.shift();
      if (message !== undefined) return Promise.resolve(message);
      if (over !== undefined) return Promise.reject(over);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    [Symbol.dispose]: () => stream.cancel(),
  };
}

/** The error that a promise must end in. */
export async function errorOf(work: Promise<unknown>): Promise<ServiceError> {
  try {
    await work;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error('the call succeeded and must not');
}
