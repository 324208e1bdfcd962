/**
 * From the operator's word to refusal everywhere: where certificates are asked for, where proxies ask, at a node that
 * decides by itself, in the stream of each of 1,000 agents, and in the handshakes of a peer that follows over SDS. Agents
 * and askers are processes of their own. The floor is the answer of the admin API in the same round: nothing has to be
 * refused before the deny list is durable.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { applyResources } from '../../src/operations/apply-resource.ts';
import { createJoinToken } from '../../src/operations/create-join-token.ts';
import { makeFleet } from '../../test/support/agent-fleet.ts';
import { type Castellan, castellan } from '../../test/support/castellan.ts';
import { cartEntry } from '../../test/support/check-harness.ts';
import { makeCsr } from '../../test/support/foreign-pki.ts';
import { policyYaml } from '../../test/support/policy.ts';
import { against, type Bench, type Figure, percentile } from '../support/bench.ts';
import { clockMs } from '../support/clock-ms.ts';
import type { DoorsAnswer, DoorsOrder, Victim } from '../support/revocation-doors.ts';
import type { FleetAnswer, FleetOrder } from '../support/revocation-fleet.ts';

const agents = Number(process.env['CASTELLAN_BENCH_AGENTS'] ?? 1_000);
const rounds = 10;
const fleets = 2;
const operator = { name: 'bench', method: 'local', role: 'admin', requestId: 'bench' } as const;
const node = 'doors';

const settings = `
proxies:
  - { name: grpc, listener: ext-authz, trustProxyPrincipal: true }
  - { name: http, listener: ext-authz-http, trustProxyPrincipal: true }
limits:
  perSourcePerSecond: 100000
  perSourceBurst: 100000
  perIdentityPerSecond: 100000
  perIdentityBurst: 100000
`;

const registration = `apiVersion: castellan.dev/v1alpha1
kind: IdentityRegistration
metadata: { name: cart }
spec:
  spiffeId: spiffe://cluster.local/ns/shop/sa/cart
  parentId: spiffe://cluster.local/castellan/agent/join_token/${node}
  selectors: ['unix:uid:${process.getuid?.() ?? 0}']
---
`;

async function joinToken(ca: Castellan, target: { spiffeId: string } | { agent: string }): Promise<string> {
  const { store, authority } = ca.server.state;
  const { trustDomain } = authority;
  const deps = { joinTokens: store.joinTokens, trustDomain, clock: systemClock, random: systemRandom };
  return (await createJoinToken(deps, operator, target)).token.reveal();
}

async function makeVictim(ca: Castellan, number: number): Promise<Victim> {
  const id = `spiffe://${ca.server.state.authority.trustDomain}/ns/shop/sa/victim-${number}`;
  using client = ca.client();
  const csr = await makeCsr();
  const bearer = { authorization: `Bearer ${await joinToken(ca, { spiffeId: id })}` };
  const { chain } = await client.create({ csr: csr.pem }, bearer);
  return { id, chainPem: chain.slice(0, -1).join(''), privateKeyPem: csr.privateKeyPem };
}

/** A process that is given orders and answers each. */
class Child<O extends object, A> implements Disposable {
  readonly #process: ChildProcess;

  constructor(file: string) {
    this.#process = fork(fileURLToPath(new URL(`../support/${file}`, import.meta.url)));
  }

  send(order: O): void {
    this.#process.send(order);
  }

  async answer(): Promise<A> {
    const ended = new AbortController();
    const { signal } = ended;
    const exit = once(this.#process, 'exit', { signal }).then(() => {
      throw new Error('a process of the bench ended');
    });
    try {
      const [answer] = (await Promise.race([once(this.#process, 'message', { signal }), exit])) as [A];
      return answer;
    } finally {
      exit.catch(() => undefined);
      ended.abort();
    }
  }

  /** The answer that is expected next. */
  async asked<K extends string>(order: O, key: K): Promise<Extract<A, Readonly<Record<K, unknown>>>> {
    const answer = this.answer();
    this.send(order);
    return expected<A, K>(await answer, key);
  }

  [Symbol.dispose](): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

function expected<A, K extends string>(answer: A, key: K): Extract<A, Readonly<Record<K, unknown>>> {
  if (!(key in (answer as object))) throw new Error(`not what was asked for: ${JSON.stringify(answer)}`);
  return answer as Extract<A, Readonly<Record<K, unknown>>>;
}

type Fleet = Child<FleetOrder, FleetAnswer>;
type Doors = Child<DoorsOrder, DoorsAnswer>;

async function startFleets(ca: Castellan, stack: AsyncDisposableStack): Promise<readonly Fleet[]> {
  const members = await makeFleet(ca, agents);
  const port = Number(ca.address.split(':').at(-1));
  const rootsPem = ca.rootsPem();
  const share = Math.ceil(agents / fleets);
  return await Promise.all(
    Array.from({ length: fleets }, async (_, n) => {
      const fleet: Fleet = stack.use(new Child('revocation-fleet.ts'));
      const mine = members.slice(n * share, (n + 1) * share);
      if (mine.length > 0) await fleet.asked({ start: { port, rootsPem, members: mine } }, 'up');
      return fleet;
    }),
  );
}

async function startDoors(ca: Castellan, stack: AsyncDisposableStack): Promise<Doors> {
  const { store } = ca.server.state;
  const text = registration + cartEntry + policyYaml('gate', '{rules: [{}]}');
  const applied = await applyResources(store.resources, operator, {
    text,
    file: 'bench.yaml',
    defaultNamespace: 'shop',
    dryRun: false,
  });
  if (applied.refused) throw new Error(JSON.stringify(applied.findings));
  const doors: Doors = stack.use(new Child('revocation-doors.ts'));
  const { csr, extAuthz, extAuthzHttp } = ca.server.endpoints;
  const start = { csr, extAuthz, extAuthzHttp, rootsPem: ca.rootsPem() };
  await doors.asked({ start: { ...start, joinToken: await joinToken(ca, { agent: node }) } }, 'ready');
  return doors;
}

/** As `castellan revoke --yes` does it. */
function revoke(ca: Castellan, spiffeId: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath: ca.server.endpoints.adminSocket.replace(/^unix:/, ''),
        path: '/api/v1/revocations',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      },
      (answer) => {
        answer.resume();
        answer.once('end', () =>
          answer.statusCode === 200
            ? resolve()
            : reject(new Error(`the admin API says ${answer.statusCode}`)),
        );
      },
    );
    call.once('error', reject);
    call.end(JSON.stringify({ spiffeId, reason: 'bench' }));
  });
}

interface Round {
  readonly commit: number;
  readonly doors: ReadonlyMap<string, number>;
  readonly streams: readonly number[];
}

async function measure(
  ca: Castellan,
  { doors, crowd }: { readonly doors: Doors; readonly crowd: readonly Fleet[] },
  number: number,
): Promise<Round> {
  const victim = await makeVictim(ca, number);
  await Promise.all(crowd.map((fleet) => fleet.asked({ watch: victim.id }, 'watching')));
  await doors.asked({ victim }, 'asking');
  const heard = crowd.map((fleet) => fleet.answer());
  const refused = doors.answer();
  const from = clockMs();
  await revoke(ca, victim.id);
  const commit = clockMs() - from;
  doors.send({ committed: true });
  const { refusedAt } = expected<DoorsAnswer, 'refusedAt'>(await refused, 'refusedAt');
  const streams: number[] = [];
  for (const answer of await Promise.all(heard))
    for (const at of expected<FleetAnswer, 'heardAt'>(answer, 'heardAt').heardAt) streams.push(at - from);
  return {
    commit,
    doors: new Map(Object.entries(refusedAt).map(([name, at]) => [name, at - from])),
    streams,
  };
}

export const bench: Bench = async () => {
  await using ca = await castellan({ settings });
  await using stack = new AsyncDisposableStack();
  const from = clockMs();
  const crowd = (await startFleets(ca, stack)).slice(0, Math.max(1, Math.min(fleets, agents)));
  const upAfter = clockMs() - from;
  const doors = await startDoors(ca, stack);
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) measured.push(await measure(ca, { doors, crowd }, i));
  const floor = percentile(
    measured.map(({ commit }) => commit),
    0.99,
  );
  const figure = (name: string, values: readonly number[], share = 0.99): Figure =>
    against(floor, { name: `${name}, p${share * 100}`, value: percentile(values, share), unit: 'ms' });
  const streams = measured.flatMap((round) => round.streams);
  const names = [...(measured[0]?.doors.keys() ?? [])].sort();
  return [
    { name: `${agents} agents up`, value: upAfter / 1000, unit: 's' },
    { name: 'revoked, durable and answered, p99', value: floor, unit: 'ms' },
    ...names.map((name) =>
      figure(
        `refused: ${name}`,
        measured.map((round) => round.doors.get(name) ?? Number.NaN),
      ),
    ),
    figure(`in the streams of ${agents} agents`, streams, 0.5),
    figure(`in the streams of ${agents} agents`, streams),
  ];
};
