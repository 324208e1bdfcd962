import type { Authority } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import { asCastellanError, type CastellanError } from '../../base/errors.ts';
import { SpiffeId } from '../../spiffe/index.ts';
import type { ClockGuard } from '../clock-guard.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import { type AuditStore, type RefusalLog, type RevocationStore, storeErrors } from '../ports/index.ts';
import type { RegistrationView } from '../registrations.ts';
import type { AgentCaller } from './authenticate-agent.ts';
import { agentErrors } from './errors.ts';

export interface MintJwtSvidParts {
  readonly authority: Authority;
  readonly registrations: () => RegistrationView;
  readonly revocations: Pick<RevocationStore, 'isRevoked'>;
  readonly audit: Pick<AuditStore, 'append'>;
  readonly refusals: RefusalLog;
  readonly clock: Clock;
  readonly clockGuard: ClockGuard;
  /** By agent. */
  readonly agents: RateLimiter;
  readonly limitHit: () => void;
}

export interface MintJwtSvidRequest {
  readonly spiffeId: string;
  readonly audiences: readonly string[];
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export interface MintedJwtSvid {
  readonly token: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

const mostAudiences = 32;
const longestAudience = 1_024;

/**
 * A JWT-SVID for an identity that is registered under the agent which asks, and for no other (A3). That it was minted
 * is in the audit log before it leaves; the token itself is kept nowhere.
 */
export async function mintJwtSvid(
  parts: MintJwtSvidParts,
  agent: AgentCaller,
  request: MintJwtSvidRequest,
): Promise<MintedJwtSvid> {
  try {
    return await mint(parts, agent, request);
  } catch (error) {
    const ours = asCastellanError(error);
    noteRefusal(parts, agent, request, ours);
    throw ours;
  }
}

async function mint(
  parts: MintJwtSvidParts,
  agent: AgentCaller,
  request: MintJwtSvidRequest,
): Promise<MintedJwtSvid> {
  const grant = parts.agents.take(agent.id.uri);
  if (!grant.granted) {
    parts.limitHit();
    throw agentErrors.AGENT_RATE_LIMITED({ retryAfterSeconds: grant.retryAfterSeconds });
  }
  const { audiences, requestId, signal } = request;
  if (audiences.length > mostAudiences || audiences.some((one) => one.length > longestAudience))
    throw agentErrors.AUDIENCES_TOO_MANY();
  const { spiffeId, ttlSeconds } = entitle(parts, agent, request.spiffeId);
  const clock = parts.clockGuard.check();
  if (!clock.trusted) throw storeErrors.CLOCK_UNTRUSTED({ cause: new Error(clock.detail) });
  const minted = await parts.authority.mintJwtSvid({ spiffeId, audiences, ttlSeconds });
  signal.throwIfAborted();
  const { kid, issuedAt, expiresAt, token } = minted;
  await parts.audit.append({
    actor: agent.id.uri,
    actorMethod: 'client_cert',
    ...(agent.address === '' ? {} : { actorAddress: agent.address }),
    action: 'jwt-svid.mint',
    object: spiffeId.uri,
    result: 'success',
    requestId,
    detail: { audiences, kid, issuedAt, expiresAt },
  });
  signal.throwIfAborted();
  return { token, issuedAt, expiresAt };
}

/** The shortest of the lifetimes that the identity's registrations under this agent give; 0 for the default. */
function entitle(
  { registrations, revocations }: MintJwtSvidParts,
  agent: AgentCaller,
  wanted: string,
): { readonly spiffeId: SpiffeId; readonly ttlSeconds: number } {
  const spiffeId = SpiffeId.parse(wanted);
  const own = registrations()
    .under(agent.id.uri)
    .filter((registration) => registration.spiffeId.equals(spiffeId));
  if (own.length === 0) throw agentErrors.IDENTITY_NOT_REGISTERED();
  if (revocations.isRevoked(undefined, spiffeId.uri)) throw agentErrors.IDENTITY_REVOKED();
  const lifetimes = own.flatMap(({ jwtSvidTtlSeconds }) => jwtSvidTtlSeconds ?? []);
  return { spiffeId, ttlSeconds: lifetimes.length === 0 ? 0 : Math.min(...lifetimes) };
}

function noteRefusal(
  { refusals, clock }: MintJwtSvidParts,
  agent: AgentCaller,
  { spiffeId, audiences, requestId }: MintJwtSvidRequest,
  error: CastellanError,
): void {
  refusals.note({
    requestId,
    at: clock.now(),
    code: error.code,
    detail: error.publicMessage,
    evidence: {
      call: 'mint-jwt-svid',
      caller: agent.id.uri,
      peerAddress: agent.address,
      spiffeId: spiffeId.slice(0, 2_048),
      audiences: audiences.slice(0, 4).map((one) => one.slice(0, 256)),
    },
  });
}
