/**
 * From the operator's word to refusal everywhere: at the CSR door, where proxies ask, and in the stream of each of 1,000
 * agents. The floor is the durable commit of the deny list in the same round: nothing may be refused before that.
 */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { createJoinToken } from '../../src/operations/create-join-token.ts';
import { revoke } from '../../src/operations/revoke.ts';
import { AgentClient, joinAgent, type SyncStream } from '../../test/support/agent-client.ts';
import type { IssuedIdentity } from '../../test/support/callers.ts';
import { type Castellan, castellan } from '../../test/support/castellan.ts';
import { makeCsr } from '../../test/support/foreign-pki.ts';
import { IstioClient, tlsCredentials } from '../../test/support/istio-client.ts';
import { against, type Bench, type Figure, percentile } from '../support/bench.ts';

const agents = Number(process.env['CASTELLAN_BENCH_AGENTS'] ?? 1_000);
const rounds = 10;
const batch = 8;
const perAddress = 200;
const operator = { name: 'bench', method: 'local', role: 'admin', requestId: 'bench' } as const;

const settings = `
limits:
  perSourcePerSecond: 100000
  perSourceBurst: 100000
  perIdentityPerSecond: 100000
  perIdentityBurst: 100000
`;

async function workload(ca: Castellan, name: string): Promise<IssuedIdentity> {
  const { store, authority } = ca.server.state;
  const { token } = await createJoinToken(
    {
      joinTokens: store.joinTokens,
      trustDomain: authority.trustDomain,
      clock: systemClock,
      random: systemRandom,
    },
    operator,
    { spiffeId: `spiffe://${authority.trustDomain}/ns/shop/sa/${name}` },
  );
  using client = ca.client();
  const csr = await makeCsr();
  const { chain } = await client.create({ csr: csr.pem }, { authorization: `Bearer ${token.reveal()}` });
  return { chain, chainPem: chain.slice(0, -1).join(''), privateKeyPem: csr.privateKeyPem };
}

/** One address may hold 256 connections: agents come from many, as they do in life. Returns the port to call. */
async function relay(stack: AsyncDisposableStack, to: string, localAddress: string): Promise<number> {
  const [host = '', port = ''] = to.split(':');
  const server = createServer((near) => {
    const far = connect({ host, port: Number(port), localAddress });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

interface Round {
  readonly commit: number;
  readonly door: number;
  readonly streams: readonly number[];
}

async function measure(ca: Castellan, streams: readonly SyncStream[], number: number): Promise<Round> {
  const { store } = ca.server.state;
  const id = `spiffe://cluster.local/ns/shop/sa/victim-${number}`;
  const identity = await workload(ca, `victim-${number}`);
  const csr = await makeCsr();
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const reached = streams.map(async (stream) => {
    await stream.until((answer) => answer.revocations?.deniedSpiffeIds.includes(id) === true);
    return since();
  });
  const request = { spiffeId: id, reason: 'bench', dryRun: false };
  await revoke(
    { issuances: store.issuances, revocations: store.revocations, clock: systemClock },
    operator,
    request,
  );
  const commit = since();
  using client = new IstioClient(ca.address, tlsCredentials({ rootsPem: ca.rootsPem(), ...identity }));
  await client.refused({ csr: csr.pem });
  const door = since();
  return { commit, door, streams: await Promise.all(reached) };
}

export const bench: Bench = async () => {
  await using ca = await castellan({ settings });
  await using stack = new AsyncDisposableStack();
  const relays: number[] = [];
  for (let from = 0; from * perAddress < agents; from++)
    relays.push(await relay(stack, ca.address, `127.0.0.${from + 10}`));
  const clients: AgentClient[] = [];
  const streams: SyncStream[] = [];
  const join = async (number: number) => {
    const identity = await joinAgent(ca, `bench-${number}`);
    const port = relays[number % relays.length] as number;
    const client = new AgentClient(
      `127.0.0.1:${port}`,
      tlsCredentials({ rootsPem: ca.rootsPem(), ...identity }),
    );
    const stream = client.sync();
    await stream.next();
    clients.push(client);
    streams.push(stream);
  };
  for (let i = 0; i < agents; i += batch)
    await Promise.all(Array.from({ length: Math.min(batch, agents - i) }, (_, n) => join(i + n)));
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) measured.push(await measure(ca, streams, i));
  for (const stream of streams) stream.cancel();
  for (const client of clients) client[Symbol.dispose]();
  const commits = measured.map(({ commit }) => commit);
  const floor = percentile(commits, 0.99);
  const last = measured.flatMap((round) => round.streams);
  const doors = measured.map(({ door }) => door);
  const figures: Figure[] = [
    { name: 'deny list committed and synced, p99', value: floor, unit: 'ms' },
    against(floor, {
      name: 'refused at the CSR door, connection included, p99',
      value: percentile(doors, 0.99),
      unit: 'ms',
    }),
    against(floor, {
      name: `in the streams of ${agents} agents, p50`,
      value: percentile(last, 0.5),
      unit: 'ms',
    }),
    against(floor, {
      name: `in the streams of ${agents} agents, p99`,
      value: percentile(last, 0.99),
      unit: 'ms',
    }),
  ];
  return figures;
};
