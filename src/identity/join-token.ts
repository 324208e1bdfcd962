import { createHash } from 'node:crypto';
import type { Random } from '../base/random.ts';
import { Secret } from '../base/secret.ts';
import type { SpiffeId, TrustDomain } from '../spiffe/index.ts';
import { joinTokenPrefix, readBearer } from './bearer.ts';
import {
  type AuthenticationResult,
  type Authenticator,
  accepted,
  type Evidence,
  notApplicable,
  rejected,
  unavailable,
} from './evidence.ts';

/** 256 bits in base64url. */
const shape = /^castellan_join_[A-Za-z0-9_-]{43}$/;

/** True for a text that could be a token of ours. */
export const isJoinTokenShape = (token: string): boolean => shape.test(token);

/** What the store knows a token by: it never holds the token itself. Lower-case hexadecimal SHA-256. */
export function hashJoinToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export function mintJoinToken(random: Random): { readonly token: Secret; readonly hash: string } {
  const token = `${joinTokenPrefix}${Buffer.from(random.bytes(32)).toString('base64url')}`;
  return { token: new Secret(token), hash: hashJoinToken(token) };
}

export type JoinTokenRedemption =
  | { readonly outcome: 'redeemed'; readonly spiffeId: SpiffeId }
  /** Unknown, used before, or expired: not told apart, to nobody. */
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'unavailable'; readonly detail: string };

/** Redeems atomically and at most once (G9): of any number at the same time, one wins. */
export interface JoinTokenRedeemer {
  redeem(hash: string, peerAddress: string, signal: AbortSignal): Promise<JoinTokenRedemption>;
}

export function joinTokenAuthenticator(options: {
  readonly trustDomain: TrustDomain;
  readonly redeemer: JoinTokenRedeemer;
}): Authenticator {
  return {
    name: 'join-token',
    secondOpinion: 'never',
    authenticate: (evidence, signal) => authenticate(options, evidence, signal),
  };
}

async function authenticate(
  options: { readonly trustDomain: TrustDomain; readonly redeemer: JoinTokenRedeemer },
  evidence: Evidence,
  signal: AbortSignal,
): Promise<AuthenticationResult> {
  const bearer = readBearer(evidence);
  if (bearer.kind !== 'join') return notApplicable;
  if (!shape.test(bearer.token)) return rejected('join-token-malformed', 'not of the shape that we make');
  const { peerAddress } = evidence.transport;
  const answer = await options.redeemer.redeem(hashJoinToken(bearer.token), peerAddress, signal);
  if (answer.outcome === 'unavailable') return unavailable('join-token-store', answer.detail);
  if (answer.outcome === 'refused') return rejected('join-token-refused', 'unknown, used before or expired');
  if (answer.spiffeId.trustDomain !== options.trustDomain)
    return rejected('foreign-trust-domain', 'the join token is for another trust domain');
  return accepted({ identities: [answer.spiffeId], method: 'join_token', subject: answer.spiffeId.uri });
}
