/**
 * The node agent: how fast a change reaches every stream and what that costs, what a thousand certificates need, and how
 * long a new workload waits. The server is in this process, the agent is `castellan agent` in its own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from '../../src/wire/gen/envoy/service/discovery/v3/discovery_pb.js';
import {
  X509SVIDRequestSchema,
  X509SVIDResponseSchema,
} from '../../src/wire/gen/spiffe/workload/workloadapi_pb.js';
import { FakeAgentServer, type RegistrationInit } from '../../test/fakes/agent-server.ts';
import { type Received, SocketClient, selfSelectors } from '../../test/support/agent.ts';
import { makePki } from '../../test/support/pki.ts';
import { type AgentProcess, pause, startAgentProcess } from '../support/agent-process.ts';
import { against, type Bench, type Figure, median, percentile } from '../support/bench.ts';
import { cpuMicrosOf, residentMegabytesOf } from '../support/process-figures.ts';

const sizes = (process.env['BENCH_STREAMS'] ?? '10,100,1000,5000').split(',').map(Number);
const rotations = Number(process.env['BENCH_ROTATIONS'] ?? 10);
const rounds = 5;
const perConnection = 250;
const sds = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';
const sdsSchemas = [DiscoveryRequestSchema, DiscoveryResponseSchema] as const;
const x509 = [X509SVIDRequestSchema, X509SVIDResponseSchema] as const;
const fetchX509 = '/SpiffeWorkloadAPI/FetchX509SVID';

const mine = (name: string): RegistrationInit => ({
  name,
  spiffeId: `spiffe://cluster.local/ns/bench/sa/${name}`,
  selectors: [...selfSelectors],
});

type Stream = Received<DiscoveryResponse>;

interface Streams extends Disposable {
  readonly all: readonly Stream[];
}

function openStreams(socket: string, count: number): Streams {
  const clients = Array.from({ length: Math.ceil(count / perConnection) }, () => new SocketClient(socket));
  const all = Array.from({ length: count }, (_, n) => {
    const stream = (clients[n % clients.length] as SocketClient).duplex(sds, sdsSchemas);
    stream.send({ resourceNames: ['spiffe://cluster.local'] });
    return stream;
  });
  return {
    all,
    [Symbol.dispose]() {
      for (const stream of all) stream[Symbol.dispose]();
      for (const client of clients) client[Symbol.dispose]();
    },
  };
}

interface Push {
  /** Milliseconds until each stream had it. */
  readonly reached: readonly number[];
  readonly cpuPerStream: number;
}

async function pushOnce(streams: readonly Stream[], pid: number, push: () => void): Promise<Push> {
  const cpu = cpuMicrosOf(pid);
  const startedAt = performance.now();
  push();
  const reached = await Promise.all(
    streams.map(async (stream) => {
      await stream.next();
      return performance.now() - startedAt;
    }),
  );
  return { reached, cpuPerStream: (cpuMicrosOf(pid) - cpu) / streams.length };
}

/** The same messages from a server that does nothing else. */
async function floorOf(count: number, frame: Uint8Array): Promise<readonly Push[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'cst-bench-floor-'));
  const path = join(scratch, 'floor.sock');
  const child = fork(new URL('../support/idle-streams.ts', import.meta.url), [path]);
  try {
    await once(child, 'message');
    const allOpen = new Promise<void>((resolve) => {
      child.on('message', (told) => {
        if ((told as { streams?: number }).streams === count) resolve();
      });
    });
    using streams = openStreams(path, count);
    await allOpen;
    const message = { frame: Buffer.from(frame).toString('base64') };
    const pushes: Push[] = [];
    for (let round = 0; round < rounds; round++)
      pushes.push(await pushOnce(streams.all, child.pid as number, () => void child.send(message)));
    return pushes;
  } finally {
    child.disconnect();
    await once(child, 'exit');
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fanOut(server: FakeAgentServer, agent: AgentProcess, count: number): Promise<Figure[]> {
  using streams = openStreams(agent.socket, count);
  const [first] = await Promise.all(streams.all.map((stream) => stream.next()));
  const frame = toBinary(
    DiscoveryResponseSchema,
    create(DiscoveryResponseSchema, first as DiscoveryResponse),
  );
  const { root } = server.pki;
  const pushes: Push[] = [];
  for (let round = 0; round <= rounds; round++) {
    const next = await makePki({ now: Date.now() });
    const push = () => {
      server.state.roots = [root.certificate, next.root.certificate];
      server.push(['bundles']);
    };
    const done = await pushOnce(streams.all, agent.pid, push);
    if (round > 0) pushes.push(done);
  }
  const floor = await floorOf(count, frame);
  const p99 = (of: readonly Push[]) => median(of.map(({ reached }) => percentile(reached, 0.99)));
  const cpu = (of: readonly Push[]) => median(of.map(({ cpuPerStream }) => cpuPerStream));
  return [
    against(p99(floor), {
      name: `bundle change to ${count} SDS streams, p99`,
      value: p99(pushes),
      unit: 'ms',
    }),
    against(cpu(floor), { name: `… CPU per stream at ${count}`, value: cpu(pushes), unit: 'us' }),
  ];
}

/** A process that asks for the first time: a connection of its own, attestation, the SVID that is there. */
async function firstAnswers(agent: AgentProcess): Promise<Figure[]> {
  const waits: number[] = [];
  for (let n = 0; n < 200; n++) {
    const startedAt = performance.now();
    using client = new SocketClient(agent.socket);
    using stream = client.stream(fetchX509, x509);
    await stream.next();
    waits.push(performance.now() - startedAt);
  }
  return [
    { name: 'first SVID on a new connection, agent warm, p50', value: percentile(waits, 0.5), unit: 'ms' },
    { name: 'first SVID on a new connection, agent warm, p99', value: percentile(waits, 0.99), unit: 'ms' },
  ];
}

/** A registration appears: key, CSR, certificate and push, until every stream of the workload has the new identity. */
async function newIdentities(server: FakeAgentServer, agent: AgentProcess, count: number): Promise<Figure[]> {
  const clients = Array.from(
    { length: Math.ceil(count / perConnection) },
    () => new SocketClient(agent.socket),
  );
  const streams = Array.from({ length: count }, (_, n) =>
    (clients[n % clients.length] as SocketClient).stream(fetchX509, x509),
  );
  await Promise.all(streams.map((stream) => stream.next()));
  const reached: number[] = [];
  const issues: number[] = [];
  for (let round = 0; round < rounds * 2; round++) {
    const began = new Map<string, number>();
    server.state.answer = ({ chain, id }) => {
      began.set(id, performance.now());
      return chain;
    };
    const startedAt = performance.now();
    const names = [mine('a'), mine(`b-${round}`)];
    server.register(...names);
    const wanted = `spiffe://cluster.local/ns/bench/sa/b-${round}`;
    await Promise.all(
      streams.map(async (stream) => {
        for (;;) {
          const { svids } = await stream.next();
          if (svids.some(({ spiffeId }) => spiffeId === wanted)) break;
        }
        reached.push(performance.now() - startedAt);
      }),
    );
    issues.push((began.get(wanted) ?? startedAt) - startedAt);
  }
  for (const client of clients) client[Symbol.dispose]();
  server.state.answer = undefined;
  const name = `registration to the SVID in ${count} streams`;
  return [
    { name: 'registration until its CSR is answered, p50', value: percentile(issues, 0.5), unit: 'ms' },
    { name: `${name}, p50`, value: percentile(reached, 0.5), unit: 'ms' },
    { name: `${name}, p99`, value: percentile(reached, 0.99), unit: 'ms' },
  ];
}

/** A thousand certificates, replaced again and again. */
async function memory(): Promise<Figure[]> {
  const ttlSeconds = 24;
  await using server = await FakeAgentServer.start();
  server.state.ttlSeconds = ttlSeconds;
  await using agent = await startAgentProcess(server);
  const empty = residentMegabytesOf(agent.pid);
  server.register(
    ...Array.from({ length: 1_000 }, (_, n) => ({
      name: `w-${n}`,
      spiffeId: `spiffe://cluster.local/ns/bench/sa/w-${n}`,
      selectors: [`unix:uid:${100_000 + n}`],
    })),
  );
  const seen: number[] = [];
  for (let rotation = 0; rotation <= rotations; rotation++) {
    const goal = (rotation + 1) * 1_000;
    while (server.counts.issue < goal) await pause(50);
    seen.push(residentMegabytesOf(agent.pid));
  }
  const [first, last] = [seen[0] as number, seen.at(-1) as number];
  return [
    { name: 'agent without certificates', value: empty, unit: 'MB' },
    { name: 'agent with 1,000 SVIDs', value: first, unit: 'MB' },
    against(seen[Math.floor(seen.length / 2)] as number, {
      name: `… after ${rotations} rotations of all (floor: half-way)`,
      value: last,
      unit: 'MB',
    }),
  ];
}

export const bench: Bench = async () => {
  const figures: Figure[] = [];
  {
    await using server = await FakeAgentServer.start();
    server.register(mine('a'));
    await using agent = await startAgentProcess(server);
    figures.push(...(await firstAnswers(agent)));
    for (const count of sizes) figures.push(...(await fanOut(server, agent, count)));
    figures.push(...(await newIdentities(server, agent, Math.min(1_000, Math.max(...sizes)))));
  }
  figures.push(...(await memory()));
  return figures;
};
