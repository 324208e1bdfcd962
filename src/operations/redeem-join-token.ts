import type { Clock } from '../base/clock.ts';
import { isCastellanError } from '../base/errors.ts';
import type { JoinTokenRedeemer, JoinTokenRedemption } from '../identity/index.ts';
import { SpiffeId } from '../spiffe/index.ts';
import type { JoinTokenStore } from './ports/index.ts';

/** Uses join tokens up in the store, at most once each (G9); the redemption is audited in the same transaction. */
export function joinTokenRedeemer(joinTokens: JoinTokenStore, clock: Clock): JoinTokenRedeemer {
  return { redeem: (hash, peerAddress) => redeem({ joinTokens, clock }, hash, peerAddress) };
}

async function redeem(
  { joinTokens, clock }: { joinTokens: JoinTokenStore; clock: Clock },
  hash: string,
  peerAddress: string,
): Promise<JoinTokenRedemption> {
  try {
    const found = await joinTokens.redeem(hash, clock.now(), {
      actor: `join-token/${hash.slice(0, 16)}`,
      actorMethod: 'join_token',
      actorAddress: peerAddress,
      action: 'join-token.redeem',
      object: '',
      result: 'success',
      requestId: '',
      detail: { tokenHash: hash },
    });
    return found === undefined
      ? { outcome: 'refused' }
      : { outcome: 'redeemed', spiffeId: SpiffeId.parse(found.spiffeId) };
  } catch (error) {
    return { outcome: 'unavailable', detail: isCastellanError(error) ? error.code : 'the store failed' };
  }
}
