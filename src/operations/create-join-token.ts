import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Secret } from '../base/secret.ts';
import { mintJoinToken } from '../identity/index.ts';
import { isReservedId, SpiffeId, type TrustDomain } from '../spiffe/index.ts';
import { auditOf, type Operator } from './operator.ts';
import { operatorErrors } from './operator-errors.ts';
import type { JoinTokenStore } from './ports/index.ts';

const defaultTtlSeconds = 600;
const longestTtlSeconds = 24 * 3600;

export interface JoinTokenDeps {
  readonly joinTokens: JoinTokenStore;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly random: Random;
}

export interface NewJoinToken {
  /** Shown once; only its hash is kept. */
  readonly token: Secret;
  readonly spiffeId: string;
  readonly expiresAt: number;
}

/** Makes a single-use token of 256 bits for one identity (D10). */
export async function createJoinToken(
  deps: JoinTokenDeps,
  operator: Operator,
  wanted: { readonly spiffeId: string; readonly ttlSeconds?: number | undefined },
): Promise<NewJoinToken> {
  const id = SpiffeId.parse(wanted.spiffeId);
  if (id.trustDomain !== deps.trustDomain) throw operatorErrors.FOREIGN_TRUST_DOMAIN();
  if (isReservedId(id)) throw operatorErrors.RESERVED_IDENTITY();
  const ttl = wanted.ttlSeconds ?? defaultTtlSeconds;
  if (!(ttl >= 1 && ttl <= longestTtlSeconds))
    throw operatorErrors.LIFETIME_OUT_OF_RANGE({
      message: 'a join token lives between 1 second and 24 hours',
    });
  const { token, hash } = mintJoinToken(deps.random);
  const expiresAt = deps.clock.now() + Math.floor(ttl) * 1000;
  const audit = auditOf(operator, 'join-token.create', id.uri, { tokenHash: hash, expiresAt });
  await deps.joinTokens.create(hash, id.uri, expiresAt, audit);
  return { token, spiffeId: id.uri, expiresAt };
}
