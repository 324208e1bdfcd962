import type { Clock } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type Selector, SpiffeId } from '../spiffe/index.ts';
import { attestWorkload, type WorkloadAttestor, type WorkloadPeer } from './attestation.ts';
import { agentErrors } from './errors.ts';
import { type JwtSvids, type ValidatedJwtSvid, validateJwtSvid } from './jwt-svids.ts';
import { StateFeed } from './state-feed.ts';
import type { UserShares, UserTurns } from './user-shares.ts';
import type { AgentRegistration } from './view.ts';
import type { ReadyState, WorkloadBundles } from './workload-state.ts';
import { formatSelectors, type WorkloadSubscription, type Workloads } from './workloads.ts';

/** Who calls, and under which id `castellan explain` finds what became of it. */
export interface WorkloadCaller {
  readonly process: WorkloadPeer | undefined;
  readonly requestId: string;
}

/** A refusal in full, for the operator of the node. */
export interface WorkloadRefusal {
  readonly requestId: string;
  readonly at: number;
  readonly code: string;
  readonly detail: string;
  readonly evidence: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

export interface WorkloadAccessParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly attestors: readonly WorkloadAttestor[];
  readonly workloads: Workloads;
  readonly jwtSvids: JwtSvids;
  readonly noteRefusal: (refusal: WorkloadRefusal) => void;
  /** How long a stream waits for a certificate before it says that there is none. */
  readonly patienceMs: number;
  /** Of each user: open streams, callers that are found out about, tokens that are made. */
  readonly streamShares: UserShares;
  readonly attestTurns: UserTurns;
  readonly tokenTurns: UserTurns;
}

/** What one stream follows when it follows everything. Disposing of `identities` ends both. */
export interface WorkloadFeeds {
  readonly identities: StateFeed<ReadyState>;
  readonly bundles: StateFeed<WorkloadBundles>;
}

/** A caller that was attested and has an identity. */
export interface WorkloadSession {
  readonly caller: WorkloadCaller;
  readonly selectors: readonly Selector[];
}

export interface NamedJwtSvid {
  readonly spiffeId: string;
  readonly hint: string;
  readonly token: string;
}

/** What every door for workloads calls: who is it, what may it have, now and after each change. */
export class WorkloadAccess {
  readonly #parts: WorkloadAccessParts;

  constructor(parts: WorkloadAccessParts) {
    this.#parts = parts;
  }

  /**
   * Attests the caller. Throws AGENT_NOT_READY, WORKLOAD_NOT_ATTESTED or NO_IDENTITY_REGISTERED, and USER_SHARE_USED_UP
   * where too many callers of its user wait for the same.
   */
  async open(caller: WorkloadCaller): Promise<WorkloadSession> {
    const { attestors, logger, workloads, attestTurns } = this.#parts;
    let selectors: readonly Selector[];
    try {
      const { process } = caller;
      selectors = await attestTurns.run(process?.uid, () => attestWorkload(attestors, process, logger));
    } catch (error) {
      throw this.#refuse({ caller, selectors: [] }, asCastellanError(error));
    }
    const session = { caller, selectors };
    const registrations = workloads.registrationsOf(selectors);
    if (registrations === undefined) throw agentErrors.AGENT_NOT_READY();
    if (registrations.length === 0) throw this.#refuse(session, agentErrors.NO_IDENTITY_REGISTERED());
    return session;
  }

  /** X.509 identities, complete and in order, each time they change. Throws TOO_MANY_STREAMS, USER_SHARE_USED_UP. */
  followIdentities(session: WorkloadSession, onChange: () => void): StateFeed<ReadyState> {
    return this.#identityFeed(session, this.#subscribe(session, onChange), onChange);
  }

  /** Bundles, each time they change; they wait for no certificate. Throws TOO_MANY_STREAMS, USER_SHARE_USED_UP. */
  followBundles(session: WorkloadSession, onChange: () => void): StateFeed<WorkloadBundles> {
    return this.#bundleFeed(session, this.#subscribe(session, onChange), onChange);
  }

  /** Both for one stream, which counts once. Throws TOO_MANY_STREAMS, USER_SHARE_USED_UP. */
  followAll(session: WorkloadSession, onChange: () => void): WorkloadFeeds {
    const subscription = this.#subscribe(session, onChange);
    const lent = { state: () => subscription.state(), [Symbol.dispose]: () => undefined };
    const identities = this.#identityFeed(session, subscription, onChange);
    return { identities, bundles: this.#bundleFeed(session, lent, onChange) };
  }

  /** One JWT-SVID for the identity asked for, or for each there is (W-17). */
  async jwtSvids(
    session: WorkloadSession,
    request: { readonly audiences: readonly string[]; readonly spiffeId: string },
    signal: AbortSignal,
  ): Promise<readonly NamedJwtSvid[]> {
    if (request.audiences.length === 0) throw agentErrors.AUDIENCE_MISSING();
    const registrations = this.#registrationsOf(session);
    const { jwtSvids, tokenTurns } = this.#parts;
    const user = session.caller.process?.uid;
    const wanted =
      request.spiffeId === '' ? registrations : this.#find(session, registrations, request.spiffeId);
    return await Promise.all(
      wanted.map(async ({ spiffeId, hint }) => ({
        spiffeId: spiffeId.uri,
        hint,
        token: await tokenTurns.run(user, () => jwtSvids.fetch(spiffeId, request.audiences, signal)),
      })),
    );
  }

  /** Judges a token with the bundles of this workload. */
  async validateJwtSvid(
    session: WorkloadSession,
    token: string,
    audience: string,
  ): Promise<ValidatedJwtSvid> {
    const { clock, workloads } = this.#parts;
    const registrations = this.#registrationsOf(session);
    const view = workloads.view;
    const domains = new Set<string>(registrations.flatMap(({ federatesWith }) => federatesWith));
    const bundleOf = (trustDomain: string) => {
      if (view === undefined || (trustDomain !== view.trustDomain && !domains.has(trustDomain)))
        return undefined;
      return [...view.bundles.values()].find((bundle) => bundle.trustDomain === trustDomain);
    };
    return await validateJwtSvid(token, audience, bundleOf, clock.now());
  }

  #subscribe({ caller, selectors }: WorkloadSession, onChange: () => void): WorkloadSubscription {
    const { workloads, streamShares } = this.#parts;
    const place = streamShares.take(caller.process?.uid);
    try {
      const subscription = workloads.subscribe(selectors, onChange);
      return {
        state: () => subscription.state(),
        [Symbol.dispose]() {
          subscription[Symbol.dispose]();
          place[Symbol.dispose]();
        },
      };
    } catch (error) {
      place[Symbol.dispose]();
      throw error;
    }
  }

  #identityFeed(
    session: WorkloadSession,
    subscription: WorkloadSubscription,
    onChange: () => void,
  ): StateFeed<ReadyState> {
    return new StateFeed<ReadyState>({
      ...this.#feedParts(session, subscription, onChange),
      read: (state) => (state.kind === 'ready' ? state : undefined),
      fallBack: (state) => (state.kind === 'pending' ? state.partial : undefined),
    });
  }

  #bundleFeed(
    session: WorkloadSession,
    subscription: WorkloadSubscription,
    onChange: () => void,
  ): StateFeed<WorkloadBundles> {
    return new StateFeed<WorkloadBundles>({
      ...this.#feedParts(session, subscription, onChange),
      read: (state) => (state.kind === 'ready' || state.kind === 'pending' ? state.bundles : undefined),
      fallBack: () => undefined,
    });
  }

  #feedParts(session: WorkloadSession, subscription: WorkloadSubscription, onChange: () => void) {
    const { clock, patienceMs } = this.#parts;
    const refuse = (error: CastellanError) => this.#refuse(session, error);
    return { clock, patienceMs, subscription, onChange, refuse };
  }

  #registrationsOf(session: WorkloadSession): readonly AgentRegistration[] {
    const registrations = this.#parts.workloads.registrationsOf(session.selectors) ?? [];
    if (registrations.length === 0) throw this.#refuse(session, agentErrors.NO_IDENTITY_REGISTERED());
    return registrations;
  }

  #find(session: WorkloadSession, registrations: readonly AgentRegistration[], id: string) {
    const { uri } = SpiffeId.parse(id);
    const found = registrations.filter(({ spiffeId }) => spiffeId.uri === uri);
    if (found.length === 0) throw this.#refuse(session, agentErrors.IDENTITY_NOT_ENTITLED());
    return found;
  }

  /** Leaves word for `castellan explain`: what was found, and what came nearest. */
  #refuse(
    { caller, selectors }: Omit<WorkloadSession, 'registrations'>,
    error: CastellanError,
  ): CastellanError {
    const { clock, logger, workloads, noteRefusal } = this.#parts;
    const near = selectors.length === 0 ? undefined : workloads.nearest(selectors);
    const { process, requestId } = caller;
    const evidence = {
      ...(process === undefined ? {} : { pid: process.pid, uid: process.uid }),
      selectors: formatSelectors(selectors),
      ...(near === undefined
        ? {}
        : {
            nearestRegistration: near.registration.name,
            nearestSpiffeId: near.registration.spiffeId.uri,
            missingSelectors: near.missing,
          }),
    };
    const detail =
      near === undefined || near.missing.length === 0
        ? error.publicMessage
        : `${error.publicMessage}; registration \`${near.registration.name}\` came nearest and wants ${near.missing.join(', ')}`;
    logger.info('workload refused', { requestId, code: error.code, detail, ...evidence });
    noteRefusal({ requestId, at: clock.now(), code: error.code, detail, evidence });
    return error;
  }
}
