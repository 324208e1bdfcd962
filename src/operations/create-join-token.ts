import type { Clock } from '../base/clock.ts';
import { type Random, ulid } from '../base/random.ts';
import type { Secret } from '../base/secret.ts';
import { mintJoinToken, nodeId } from '../identity/index.ts';
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

export type JoinTokenWish = { readonly ttlSeconds?: number | undefined } & (
  | { readonly spiffeId: string; readonly agent?: undefined }
  /** An agent's name or whole SPIFFE ID; empty for a name of our choice. */
  | { readonly agent: string; readonly spiffeId?: undefined }
);

/** Makes a single-use token of 256 bits for one workload identity, or for one agent (D10). */
export async function createJoinToken(
  deps: JoinTokenDeps,
  operator: Operator,
  wanted: JoinTokenWish,
): Promise<NewJoinToken> {
  const id = wanted.agent === undefined ? workloadId(deps, wanted.spiffeId) : agentId(deps, wanted.agent);
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

function workloadId(deps: JoinTokenDeps, text: string): SpiffeId {
  const id = SpiffeId.parse(text);
  if (id.trustDomain !== deps.trustDomain) throw operatorErrors.FOREIGN_TRUST_DOMAIN();
  if (id.path === '') throw operatorErrors.IDENTITY_WITHOUT_PATH();
  if (isReservedId(id)) throw operatorErrors.RESERVED_IDENTITY();
  return id;
}

/** Node attestation is the one way to an identity under /castellan (D11): the token only says which one. */
function agentId({ trustDomain, clock, random }: JoinTokenDeps, text: string): SpiffeId {
  const start = `spiffe://${trustDomain}/castellan/agent/join_token/`;
  const name = text.startsWith(start) ? text.slice(start.length) : text;
  const id = nodeId(trustDomain, 'join_token', name === '' ? ulid(clock.now(), random).toLowerCase() : name);
  if (id === undefined) throw operatorErrors.AGENT_NAME_MALFORMED();
  return id;
}
