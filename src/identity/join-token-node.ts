import type { TrustDomain } from '../spiffe/index.ts';
import { hashJoinToken, isJoinTokenShape, type JoinTokenRedeemer } from './join-token.ts';
import { type NodeAttestor, rejectNode } from './node-attestation.ts';
import { isNodeId } from './node-id.ts';

/** A token that an operator made for one agent (D10): used up here, once. */
export function joinTokenNodeAttestor(options: {
  readonly trustDomain: TrustDomain;
  readonly redeemer: JoinTokenRedeemer;
}): NodeAttestor<'join_token'> {
  return {
    method: 'join_token',
    async attest({ token }, { evidence, signal }) {
      if (!isJoinTokenShape(token))
        return rejectNode('join-token-malformed', 'not of the shape that we make');
      const hash = hashJoinToken(token);
      const answer = await options.redeemer.redeem(hash, evidence.transport.peerAddress, signal);
      if (answer.outcome === 'unavailable')
        return { outcome: 'unavailable', reason: 'join-token-store', detail: answer.detail };
      if (answer.outcome === 'refused')
        return rejectNode('join-token-refused', 'unknown, used before or expired');
      const id = answer.spiffeId;
      if (!isNodeId(id, options.trustDomain))
        return rejectNode('join-token-not-for-agents', `the token is for ${id.uri}, which is no agent`);
      return { outcome: 'accepted', id, selectors: [`join_token:${hash.slice(0, 16)}`] };
    },
  };
}
