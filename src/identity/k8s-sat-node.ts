import type { TrustDomain } from '../spiffe/index.ts';
import { authenticate } from './authenticate.ts';
import type { Authenticator, Evidence } from './evidence.ts';
import { type NodeAttestation, type NodeAttestor, rejectNode } from './node-attestation.ts';
import { nodeId } from './node-id.ts';

export interface K8sSatNodeOptions {
  readonly trustDomain: TrustDomain;
  /** What judges service account tokens of callers: key sets of issuers, token review. */
  readonly tokens: readonly Authenticator[];
  /** `namespace/account` of agents. */
  readonly accounts: ReadonlySet<string>;
}

/**
 * A projected service account token, judged as any caller's is. The agent is named after the node that the token is
 * bound to, or after its pod where the cluster does not say the node.
 */
export function k8sSatNodeAttestor(options: K8sSatNodeOptions): NodeAttestor<'k8s_sat'> {
  return {
    method: 'k8s_sat',
    async attest({ token }, { evidence, signal }): Promise<NodeAttestation> {
      const outcome = await authenticate(options.tokens, withToken(evidence, token), signal, {
        plaintextAllowed: true,
      });
      if (outcome.outcome !== 'accepted') {
        const { reason, detail } = outcome;
        return { outcome: outcome.outcome, reason, detail };
      }
      const { node } = outcome.caller;
      if (node === undefined)
        return rejectNode('not-a-service-account', 'the token is not one of a service account');
      const account = `${node.namespace}/${node.serviceAccount}`;
      if (!options.accounts.has(account))
        return rejectNode('account-not-an-agent', `${account} is not among the accounts of agents`);
      const id = nodeId(options.trustDomain, 'k8s_sat', node.name ?? node.podUid ?? '');
      if (id === undefined) return rejectNode('no-node-binding', 'the token names neither a node nor a pod');
      const facts = {
        cluster: node.clusterId,
        agent_ns: node.namespace,
        agent_sa: node.serviceAccount,
        agent_node_name: node.name,
        agent_pod_name: node.podName,
        agent_pod_uid: node.podUid,
      };
      const selectors = Object.entries(facts)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `k8s_sat:${name}:${value}`);
      return { outcome: 'accepted', id, selectors };
    },
  };
}

/** Only the token speaks: neither the connection's certificate nor another header (D12). */
function withToken({ transport, headers }: Evidence, token: string): Evidence {
  const { kind, peerAddress, peerIsLoopback } = transport;
  return {
    transport: { kind, peerAddress, peerIsLoopback },
    headers: { authorization: [`Bearer ${token}`], clusterId: headers.clusterId, forwardedClientCert: [] },
  };
}
