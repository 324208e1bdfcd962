import { ulid } from '../base/random.ts';
import { createJoinToken } from '../operations/create-join-token.ts';
import { type RunningAgent, startAgent } from './agent.ts';
import type { Alongside } from './server.ts';

/** The name under which the agent beside the server is registered: `…/castellan/agent/join_token/local`. */
export const localAgentName = 'local';

/** The agent that `up` runs: it joins as any other does, with a token that the server makes for it. */
export async function startLocalAgent(server: Alongside): Promise<RunningAgent> {
  const { settings, environment, state, metrics, endpoints } = server;
  const { clock, random } = environment;
  const { store, authority } = state;
  const operator = {
    name: 'castellan',
    method: 'local' as const,
    role: 'admin' as const,
    requestId: ulid(clock.now(), random),
  };
  return await startAgent({
    settings,
    environment,
    metrics,
    target: endpoints.csr,
    firstRoots: async () => authority.bundle().x509Roots,
    evidence: {
      method: 'join_token',
      async readToken() {
        const { trustDomain } = authority;
        const deps = { joinTokens: store.joinTokens, trustDomain, clock, random };
        const made = await createJoinToken(deps, operator, { agent: localAgentName, ttlSeconds: 60 });
        return made.token.reveal();
      },
    },
    noteRefusal: (refusal) => store.refusals.note(refusal),
  });
}
