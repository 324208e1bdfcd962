import { hash } from 'node:crypto';
import { systemClock } from '../../src/adapters/system/clock.ts';
import { systemRandom } from '../../src/adapters/system/random.ts';
import { createJoinToken } from '../../src/operations/create-join-token.ts';
import { buildCsr, localSigner } from '../../src/x509/index.ts';
import { asIdentity, type NodeIdentity } from './agent-client.ts';
import { type Castellan, newKey } from './castellan.ts';

export interface FleetMember extends NodeIdentity {
  readonly id: string;
  /** Loopback addresses, so that no address has more connections than it may. */
  readonly localAddress: string;
}

const operator = { name: 'test', method: 'local', role: 'admin', requestId: 'test' } as const;

/** So many attested agents: by the verb, without a connection each. */
export async function makeFleet(ca: Castellan, size: number): Promise<readonly FleetMember[]> {
  const { store, authority } = ca.server.state;
  const deps = {
    joinTokens: store.joinTokens,
    trustDomain: authority.trustDomain,
    clock: systemClock,
    random: systemRandom,
  };
  const members: FleetMember[] = [];
  const make = async (n: number): Promise<FleetMember> => {
    const name = `agent-${String(n).padStart(5, '0')}`;
    const { token } = await createJoinToken(deps, operator, { agent: name });
    const key = newKey();
    const localAddress = `127.0.0.${2 + (n % 200)}`;
    const { id, chainDer } = await ca.server.agents.attest({
      csrDer: await buildCsr(localSigner(key)),
      agentVersion: 'light',
      shown: { method: 'join_token', token: token.reveal() },
      evidence: {
        transport: { kind: 'tls', peerAddress: localAddress, peerIsLoopback: true },
        headers: { authorization: [], clusterId: [], forwardedClientCert: [] },
      },
      requestId: hash('sha256', name, 'hex').slice(0, 26),
      challenge: () => Promise.reject(new Error('no challenge is expected')),
      signal: new AbortController().signal,
    });
    const pem = key.export({ type: 'pkcs8', format: 'pem' }) as string;
    return { id: id.uri, localAddress, ...asIdentity(chainDer, pem) };
  };
  for (let n = 0; n < size; n += 100)
    members.push(
      ...(await Promise.all(Array.from({ length: Math.min(100, size - n) }, (_, i) => make(n + i)))),
    );
  return members;
}
