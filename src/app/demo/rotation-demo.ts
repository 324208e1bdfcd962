import { sleep } from '../../base/clock.ts';
import { createJoinToken } from '../../operations/create-join-token.ts';
import type { Operator } from '../../operations/operator.ts';
import type { Environment } from '../environment.ts';
import type { RunningServer } from '../server.ts';
import { DemoPeer } from './peer.ts';

/** Lifetimes so short that a root comes and goes while somebody looks on. Flags, by setting name. */
export const demoFlags: Readonly<Record<string, string>> = {
  authorityWorkloadTtl: '20s',
  authorityMaxWorkloadTtl: '20s',
  authorityIntermediateTtl: '10m',
  authorityRootTtl: '24h',
  limitsPerIdentityPerSecond: '1000',
  limitsPerIdentityBurst: '1000',
  loggingLevel: 'error',
};

export interface DemoState {
  readonly phase: 'idle' | 'prepared' | 'published' | 'activated';
  /** What the root rotation waits for, if anything. */
  readonly waitsFor: string | undefined;
  readonly requests: number;
  readonly failures: readonly string[];
  readonly isDone: boolean;
}

const requestEveryMs = 20;
const lookEveryMs = 500;

/**
 * Rotates the root of a running server while two workloads call each other without pause; says twice a second how it
 * stands. Ends when the old root is gone and both have renewed under the new one, or when told to.
 */
export async function* demonstrateRotation(
  server: RunningServer,
  environment: Environment,
  signal: AbortSignal,
): AsyncGenerator<DemoState> {
  const { authority } = server.state;
  const { clock } = environment;
  await using stack = new AsyncDisposableStack();
  const peers = [
    stack.use(await startPeer('cart', server, environment)),
    stack.use(await startPeer('checkout', server, environment)),
  ] as const;
  const over = new AbortController();
  const ended = Promise.all([
    keepCalling(peers[0], peers[1], over.signal),
    keepCalling(peers[1], peers[0], over.signal),
  ]);
  stack.defer(async () => {
    over.abort();
    await ended;
  });
  const [before] = authority.roots();
  await sleep(clock, 3_000, signal);
  await authority.rotation.start({ role: 'root', reason: 'a demonstration' });
  for (;;) {
    const { lines } = await authority.rotation.status();
    const line = lines.find(({ role }) => role === 'root');
    const gate = line?.phases.find(({ state }) => state === 'next')?.gate;
    const blocker = gate?.blockers[0];
    const isDone = authority.roots().every(({ sha256 }) => sha256 !== before?.sha256);
    yield {
      phase: line?.phase ?? 'idle',
      waitsFor: blocker === undefined ? undefined : `${blocker.name} ${blocker.why}`,
      requests: peers[0].requests + peers[1].requests,
      failures: [...peers[0].failures, ...peers[1].failures],
      isDone,
    };
    if (isDone) return;
    await sleep(clock, lookEveryMs, signal);
  }
}

async function keepCalling(peer: DemoPeer, other: DemoPeer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await peer.turn(other);
    await new Promise((resolve) => setTimeout(resolve, requestEveryMs));
  }
}

async function startPeer(name: string, server: RunningServer, environment: Environment): Promise<DemoPeer> {
  const { store, authority } = server.state;
  const { clock, random } = environment;
  const operator: Operator = { name: 'demo', method: 'local', role: 'admin', requestId: 'demo' };
  const { token } = await createJoinToken(
    { joinTokens: store.joinTokens, trustDomain: authority.trustDomain, clock, random },
    operator,
    { spiffeId: `spiffe://${authority.trustDomain}/ns/demo/sa/${name}` },
  );
  const door = { address: server.endpoints.csr, rootsPem: authority.rootsPem() };
  return DemoPeer.start(name, door, token.reveal());
}
