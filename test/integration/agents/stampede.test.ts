import { describe, expect, it } from 'vitest';
import { type FleetMember, makeFleet } from '../../support/agent-fleet.ts';
import { apply, registration, scratchDirectory } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { LightAgent } from '../../support/light-agent.ts';
import { until } from '../../support/wire-server.ts';

const size = 1_000;
/** Only so that a fault ends: nothing here is judged by the time it takes. */
const hangGuardMs = 600_000;

const limits = 'limits: { perSourcePerSecond: 100000, perSourceBurst: 100000 }\n';

/** Resolves when `count` has been told `times`. */
function counter(times: number) {
  let seen = 0;
  let done: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (done = resolve));
  return {
    count: () => {
      if (++seen === times) done();
    },
    seen: () => seen,
    reached,
  };
}

describe('a thousand agents', () => {
  it('are all served after the server was started anew: each resumes, nothing is sent twice, no call fails (adv:N19)', {
    timeout: hangGuardMs,
  }, async () => {
    const stateDir = `${scratchDirectory()}/state`;
    let members: readonly FleetMember[] = [];
    let port = 0;
    const first = counter(size);
    const again = counter(size);
    const told = counter(size);
    const away = counter(size);
    /** How each stream ended when the server went away, and after it had come back. */
    const endings = new Map<LightAgent, number | undefined>();
    const refusals: number[] = [];
    let phase: 'first' | 'away' | 'again' | 'told' = 'first';
    const answersAgain: boolean[] = [];
    const agents: LightAgent[] = [];
    const open = (ca: Castellan, member: FleetMember) =>
      new LightAgent({
        ...member,
        port,
        rootsPem: ca.rootsPem(),
        onAnswer: (answer) => {
          if (phase === 'first') first.count();
          else if (phase === 'again') {
            answersAgain.push(
              answer.isFull || answer.registrations !== undefined || answer.bundles !== undefined,
            );
            again.count();
          } else told.count();
        },
        onEnd: (status, agent) => {
          if (phase === 'away' && !endings.has(agent)) {
            endings.set(agent, status);
            away.count();
          } else if (status !== undefined) refusals.push(status);
          // An agent waits a little, by itself, before it comes back; how long is its own draw.
          if (phase !== 'told') setTimeout(() => agent.open(), 500 + Math.random() * 2_500).unref();
        },
      });
    {
      await using ca = await castellan({ stateDir, settings: limits });
      port = Number(ca.address.split(':').at(-1));
      members = await makeFleet(ca, size);
      const [one] = members;
      await apply(
        ca,
        registration({ name: 'one', spiffeId: 'spiffe://cluster.local/one', parentId: one?.id ?? '' }),
      );
      for (const [n, member] of members.entries()) {
        const agent = open(ca, member);
        agents.push(agent);
        agent.open();
        // A hundred at a time: one process plays both ends.
        if (n % 100 === 99) await until(() => first.seen() > n);
      }
      await first.reached;
      expect(ca.server.agents.sync.streams()).toBe(size);
      phase = 'away';
    }
    await away.reached;
    // Each stream ended by the server's own word: it is shutting down.
    expect(new Set(endings.values())).toEqual(new Set([14]));
    phase = 'again';
    await using ca = await castellan({ stateDir, settings: limits, flags: { csrPort: String(port) } });
    await again.reached;
    expect(answersAgain.filter(Boolean)).toEqual([]);
    // Until the server listened there was nobody to answer; whoever answered refused nobody.
    expect(refusals).toEqual([]);
    expect(ca.server.agents.reports.connected()).toBe(size);
    const loud = ca.logger.lines.filter(({ level }) => level === 'error' || level === 'warn');
    expect(loud.length).toBeLessThan(20);
    phase = 'told';
    const { store } = ca.server.state;
    const audit = { actor: 'test', actorMethod: 'local', action: 'revocation.add', object: 'x' } as const;
    await store.revocations.revoke({ spiffeId: 'spiffe://cluster.local/two' }, 'test', Date.now(), {
      ...audit,
      result: 'success',
      requestId: '',
      detail: {},
    });
    await told.reached;
    for (const agent of agents) agent.close();
  });
});
