import type { Clock } from '../base/clock.ts';
import { asCastellanError, type CastellanError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { type Selector, SpiffeId } from '../spiffe/index.ts';
import { attestWorkload, type WorkloadAttestor, type WorkloadPeer } from './attestation.ts';
import { agentErrors } from './errors.ts';
import { type JwtSvids, type ValidatedJwtSvid, validateJwtSvid } from './jwt-svids.ts';
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

  /** Attests the caller. Throws AGENT_NOT_READY, WORKLOAD_NOT_ATTESTED or NO_IDENTITY_REGISTERED. */
  async open(caller: WorkloadCaller): Promise<WorkloadSession> {
    const { attestors, logger, workloads } = this.#parts;
    let selectors: readonly Selector[];
    try {
      selectors = await attestWorkload(attestors, caller.process, logger);
    } catch (error) {
      throw this.#refuse({ caller, selectors: [] }, asCastellanError(error));
    }
    const session = { caller, selectors };
    const registrations = workloads.registrationsOf(selectors);
    if (registrations === undefined) throw agentErrors.AGENT_NOT_READY();
    if (registrations.length === 0) throw this.#refuse(session, agentErrors.NO_IDENTITY_REGISTERED());
    return session;
  }

  /** X.509 identities, complete and in order, each time they change. */
  followIdentities(session: WorkloadSession, onChange: () => void): StateFeed<ReadyState> {
    const feed: StateFeed<ReadyState> = new StateFeed({
      clock: this.#parts.clock,
      subscribe: (changed) => this.#parts.workloads.subscribe(session.selectors, changed),
      onChange,
      patienceMs: this.#parts.patienceMs,
      refuse: (error) => this.#refuse(session, error),
      read: (state) => (state.kind === 'ready' ? state : undefined),
      fallBack: (state) => (state.kind === 'pending' ? state.partial : undefined),
    });
    return feed;
  }

  /** Bundles, each time they change; they wait for no certificate. */
  followBundles(session: WorkloadSession, onChange: () => void): StateFeed<WorkloadBundles> {
    return new StateFeed({
      clock: this.#parts.clock,
      subscribe: (changed) => this.#parts.workloads.subscribe(session.selectors, changed),
      onChange,
      patienceMs: this.#parts.patienceMs,
      refuse: (error) => this.#refuse(session, error),
      read: (state) => (state.kind === 'ready' || state.kind === 'pending' ? state.bundles : undefined),
      fallBack: () => undefined,
    });
  }

  /** One JWT-SVID for the identity asked for, or for each there is (W-17). */
  async jwtSvids(
    session: WorkloadSession,
    request: { readonly audiences: readonly string[]; readonly spiffeId: string },
    signal: AbortSignal,
  ): Promise<readonly NamedJwtSvid[]> {
    if (request.audiences.length === 0) throw agentErrors.AUDIENCE_MISSING();
    const registrations = this.#registrationsOf(session);
    const { jwtSvids } = this.#parts;
    const wanted =
      request.spiffeId === '' ? registrations : this.#find(session, registrations, request.spiffeId);
    return await Promise.all(
      wanted.map(async ({ spiffeId, hint }) => ({
        spiffeId: spiffeId.uri,
        hint,
        token: await jwtSvids.fetch(spiffeId, request.audiences, signal),
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

interface StateFeedParts<T> {
  readonly clock: Clock;
  readonly subscribe: (onChange: () => void) => WorkloadSubscription;
  readonly onChange: () => void;
  readonly patienceMs: number;
  readonly refuse: (error: CastellanError) => CastellanError;
  /** What the stream is about, when it is there. */
  readonly read: (state: ReturnType<WorkloadSubscription['state']>) => T | undefined;
  /** What will do when patience has ended. */
  readonly fallBack: (state: ReturnType<WorkloadSubscription['state']>) => T | undefined;
}

/** Turns the states of a workload into what a stream says: a value, nothing yet, or the error that ends it. */
export class StateFeed<T extends object> implements Disposable {
  readonly #parts: StateFeedParts<T>;
  readonly #subscription: WorkloadSubscription;
  #said: T | undefined;
  #waiting: { isOver: boolean } | undefined;
  #timer: Disposable | undefined;

  constructor(parts: StateFeedParts<T>) {
    this.#parts = parts;
    this.#subscription = parts.subscribe(parts.onChange);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#subscription[Symbol.dispose]();
  }

  /** The value as it is now, said before or not; undefined while it has to be waited for. */
  current(): T | undefined {
    const state = this.#subscription.state();
    if (state.kind === 'none') throw this.#parts.refuse(agentErrors.NO_IDENTITY_REGISTERED());
    if (state.kind === 'unknown') throw agentErrors.AGENT_NOT_READY();
    const value = this.#parts.read(state);
    if (value !== undefined) {
      this.#waiting = undefined;
      return value;
    }
    if (!this.#isPatienceOver()) return undefined;
    const least = this.#parts.fallBack(state);
    if (least === undefined) throw agentErrors.SVID_NOT_READY();
    return least;
  }

  /** The value if it is another than the one before. */
  next(): T | undefined {
    const value = this.current();
    if (value === undefined || value === this.#said) return undefined;
    this.#said = value;
    return value;
  }

  #isPatienceOver(): boolean {
    if (this.#waiting === undefined) {
      const waiting = { isOver: false };
      this.#waiting = waiting;
      const { clock, patienceMs, onChange } = this.#parts;
      this.#timer?.[Symbol.dispose]();
      this.#timer = clock.schedule(patienceMs, () => {
        waiting.isOver = true;
        onChange();
      });
    }
    return this.#waiting.isOver;
  }
}
