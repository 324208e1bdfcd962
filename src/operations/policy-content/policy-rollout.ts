import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Enforcer, EnforcerSource } from '../enforcers.ts';
import type { ResourceKey, ResourceReader } from '../ports/index.ts';
import type { FollowedChange } from './followed-resources.ts';

/** A process that decides, as the rollout sees it. */
export interface RolloutMember {
  readonly name: string;
  /** Takes these changes and compiles them; says `prepared` or `refused`, and activates nothing. */
  prepare(revision: bigint, changes: readonly FollowedChange[]): void;
  /** Decides by it from now on; says `activated`. */
  activate(revision: bigint): void;
  /** Keeps deciding by what it decides by. */
  cancel(revision: bigint): void;
  /** Did not answer in time. */
  abandon(): void;
}

interface State {
  readonly member: RolloutMember;
  active: bigint;
  seen: bigint;
  problem: string | undefined;
}

const longestStepMs = 20_000;

/**
 * D23: what was written goes to every member, and none decides by it before all are ready to. One batch at a time; what
 * is written meanwhile is the next. A member that leaves is not waited for; one that joins gets everything first.
 */
export class PolicyRollout implements EnforcerSource, Disposable {
  readonly #store: ResourceReader;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #members = new Map<RolloutMember, State>();
  readonly #dirty = new Map<string, ResourceKey>();
  readonly #listeners = new Set<() => void>();
  readonly #subscription: Disposable;
  #waiting: { readonly for: Set<RolloutMember>; readonly done: () => void } | undefined;
  #isRunning = false;
  #isClosed = false;
  /** A batch or a joining that others wait for. */
  #turn: Promise<void> = Promise.resolve();

  constructor(store: ResourceReader, { clock, logger }: { readonly clock: Clock; readonly logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#subscription = store.watch(({ changes }) => {
      for (const change of changes) {
        const { kind, namespace, name } = 'put' in change ? change.put : change.delete;
        this.#dirty.set(JSON.stringify([kind, namespace, name]), { kind, namespace, name });
      }
      this.#wake();
    });
  }

  /** Between two batches: `start` gives it everything there is, and resolves with the revision it decides by. */
  join(member: RolloutMember, start: () => Promise<bigint>): Promise<void> {
    return this.#inTurn(async () => {
      const active = await start();
      this.#members.set(member, { member, active, seen: active, problem: undefined });
      this.#tell();
      this.#wake();
    });
  }

  leave(member: RolloutMember): void {
    this.#members.delete(member);
    this.#answered(member);
    this.#tell();
  }

  prepared(member: RolloutMember, revision: bigint): void {
    this.#note(member, { seen: revision, problem: undefined });
    this.#answered(member);
  }

  refused(member: RolloutMember, revision: bigint, problem: string): void {
    this.#note(member, { seen: revision, problem });
    this.#answered(member);
  }

  activated(member: RolloutMember, revision: bigint): void {
    this.#note(member, { active: revision, seen: revision, problem: undefined });
    this.#answered(member);
    this.#tell();
  }

  list(): readonly Enforcer[] {
    return [...this.#members.values()].map(({ member, active, seen, problem }) => ({
      name: member.name,
      kind: 'worker',
      revision: active,
      seen,
      problem,
    }));
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#subscription[Symbol.dispose]();
    this.#waiting?.done();
  }

  #wake(): void {
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
      if (this.#dirty.size > 0) this.#wake();
    });
  }

  async #run(): Promise<void> {
    while (!this.#isClosed && this.#isBehind()) await this.#inTurn(() => this.#batch());
  }

  #isBehind(): boolean {
    return this.#dirty.size > 0 && this.#members.size > 0;
  }

  async #batch(): Promise<void> {
    const keys = [...this.#dirty.values()];
    this.#dirty.clear();
    const revision = this.#store.revision();
    const changes: FollowedChange[] = [];
    for (const key of keys) {
      const put = await this.#store.get(key.kind, key.namespace, key.name);
      changes.push(put === undefined ? { delete: key } : { put });
    }
    const all = [...this.#members.keys()];
    await this.#step(all, (member) => member.prepare(revision, changes));
    const states = [...this.#members.values()];
    const refusal = states.find(({ problem, seen }) => problem !== undefined && seen === revision);
    if (refusal !== undefined) {
      this.#logger.error('a worker refused the policies; every worker keeps the last good ones', {
        worker: refusal.member.name,
        problem: refusal.problem,
      });
      for (const { member } of states) member.cancel(revision);
      for (const state of states) Object.assign(state, { seen: revision, problem: refusal.problem });
      this.#tell();
      return;
    }
    await this.#step(
      states.map(({ member }) => member),
      (member) => member.activate(revision),
    );
    this.#tell();
  }

  /** Tells all, then waits until each has answered, left, or was given up. */
  async #step(members: readonly RolloutMember[], tell: (member: RolloutMember) => void): Promise<void> {
    const present = members.filter((member) => this.#members.has(member));
    if (present.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { for: new Set(present), done: resolve };
    using _limit = this.#clock.schedule(longestStepMs, () => {
      const late = [...(this.#waiting?.for ?? [])];
      for (const member of late) {
        this.#logger.error('a worker does not answer and is replaced', { worker: member.name });
        member.abandon();
        this.leave(member);
      }
    });
    for (const member of present) tell(member);
    await promise;
    this.#waiting = undefined;
  }

  #answered(member: RolloutMember): void {
    if (this.#waiting === undefined) return;
    this.#waiting.for.delete(member);
    if (this.#waiting.for.size === 0) this.#waiting.done();
  }

  #note(member: RolloutMember, facts: Partial<Omit<State, 'member'>>): void {
    const state = this.#members.get(member);
    if (state !== undefined) Object.assign(state, facts);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
