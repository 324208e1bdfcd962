import type { SpiffeId } from '../../spiffe/index.ts';
import { agentErrors } from './errors.ts';
import type { AgentSyncParts } from './sync-ports.ts';
import { type SyncHello, SyncSession } from './sync-session.ts';
import { SyncShared } from './sync-shared.ts';

/** Streams of one agent at once: more than one only while an old one has not been noticed to be dead. */
const mostStreamsOfAgent = 4;
/** Streams told of a change in one turn, so that what else the server is for never waits long. */
const toldAtOnce = 32;
/** A change that no port announces, such as an issuer that ended, is seen after this time. */
const lookEveryMs = 10_000;

/**
 * Tells agents what they must know, whole at first and then what changed. Nothing is queued for an agent: when it has
 * taken one answer, the next says what holds by then, so a slow reader costs no memory.
 */
export class AgentSync implements Disposable {
  readonly #parts: AgentSyncParts;
  readonly #sessions = new Map<string, SyncSession[]>();
  readonly #subscriptions: Disposable[];
  readonly #toTell = new Set<SyncSession>();
  #telling: Disposable | undefined;
  #look: Disposable | undefined;
  #shared: SyncShared;

  constructor(parts: AgentSyncParts) {
    this.#parts = parts;
    this.#shared = new SyncShared(parts);
    const changed = () => this.#changed();
    this.#subscriptions = [
      parts.registrations.watch(changed),
      parts.authority.onBundleChange(changed),
      parts.authority.onIssuerChange(changed),
      parts.authority.onCrlChange(changed),
      parts.authority.onVerdictChange(changed),
      parts.federated.watch(changed),
      parts.revocations.watch(changed),
      parts.policy.watch(changed),
      parts.nodes.watch((id) => {
        // What it showed may have changed, and with it the names it goes by.
        this.#shared.forget(id);
        this.#endUnlessAttested(id);
      }),
    ];
    this.#armLook();
  }

  /** Opens the stream of an attested agent; the oldest of too many is ended. */
  open(agent: SpiffeId, hello: SyncHello): SyncSession {
    const own = this.#sessions.get(agent.uri) ?? [];
    this.#sessions.set(agent.uri, own);
    if (own.length >= mostStreamsOfAgent) own[0]?.end();
    const connected = this.#parts.reports.connect(agent.uri);
    const session = new SyncSession(hello, {
      partsNow: () => this.#shared.partsFor(agent.uri, hello.wantsPolicy),
      report: (report) => {
        const { wantedKeySets } = report;
        if (hello.wantsPolicy && wantedKeySets.length > 0) this.#parts.policy.want(wantedKeySets);
        this.#parts.reports.note(agent.uri, report);
      },
      close: () => {
        connected[Symbol.dispose]();
        this.#toTell.delete(session);
        own.splice(own.indexOf(session), 1);
        if (own.length === 0 && this.#sessions.get(agent.uri) === own) this.#sessions.delete(agent.uri);
      },
    });
    own.push(session);
    return session;
  }

  /** Streams open now. */
  streams(): number {
    let count = 0;
    for (const own of this.#sessions.values()) count += own.length;
    return count;
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#look?.[Symbol.dispose]();
    this.#telling?.[Symbol.dispose]();
    this.endAll();
  }

  /** Ends every stream; agents come back to whoever serves then. */
  endAll(error?: Error): void {
    for (const own of this.#sessions.values()) for (const session of own) session.end(error);
  }

  #changed(): void {
    this.#shared = new SyncShared(this.#parts, this.#shared);
    for (const own of this.#sessions.values()) for (const session of own) this.#toTell.add(session);
    this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#toTell.size === 0) return;
    this.#telling ??= this.#parts.clock.schedule(0, () => {
      this.#telling = undefined;
      let told = 0;
      for (const session of this.#toTell) {
        this.#toTell.delete(session);
        session.wake();
        if (++told === toldAtOnce) break;
      }
      this.#tellSoon();
    });
  }

  /** M15: an open stream ends with the admission of its node. */
  #endUnlessAttested(id: string): void {
    if (this.#parts.nodes.find(id)?.state === 'attested') return;
    for (const session of this.#sessions.get(id) ?? []) session.end(agentErrors.AGENT_SVID_REQUIRED());
  }

  #armLook(): void {
    const untilEnd = this.#parts.registrations.current().until - this.#parts.clock.now();
    this.#look = this.#parts.clock.schedule(Math.max(1, Math.min(lookEveryMs, untilEnd)), () => {
      if (this.#shared.isOutdated()) this.#changed();
      this.#armLook();
    });
  }
}
