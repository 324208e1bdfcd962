import { describe, expect, it } from 'vitest';
import { type FleetMember, makeFleet } from '../../support/agent-fleet.ts';
import { apply, registration, scratchDirectory } from '../../support/callers.ts';
import { type Castellan, castellan } from '../../support/castellan.ts';
import { LightAgent } from '../../support/light-agent.ts';

const size = 1_000;
/** Those that are there before the restart; the others held the same content elsewhere. */
const early = 100;
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
    const first = counter(early);
    const again = counter(size);
    const told = counter(size);
    const away = counter(early);
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
      for (const member of members) agents.push(open(ca, member));
      for (const agent of agents.slice(0, early)) agent.open();
      await first.reached;
      expect(ca.server.agents.sync.streams()).toBe(early);
      // Nothing is registered under these, so they all hold what the second one holds.
      for (const agent of agents.slice(early)) agent.revision = agents[1]?.revision ?? '';
      phase = 'away';
    }
    await away.reached;
    // By the server's word that it is shutting down, or with the connection: agents come back after either.
    for (const status of endings.values()) expect([14, undefined]).toContain(status);
    phase = 'again';
    await using ca = await castellan({ stateDir, settings: limits, flags: { csrPort: String(port) } });
    for (const agent of agents.slice(early)) agent.open();
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
