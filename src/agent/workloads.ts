import { formatSelector, type Selector } from '../spiffe/index.ts';
import { Entitlements, type NearMiss } from './entitlement.ts';
import { agentErrors } from './errors.ts';
import type { SvidKeeper } from './svid-keeper.ts';
import type { AgentRegistration, NodeView } from './view.ts';
import { noneState, stateOf, unknownState, type WorkloadState } from './workload-state.ts';

/** What one stream follows. */
export interface WorkloadSubscription extends Disposable {
  state(): WorkloadState;
}

interface Group {
  readonly registrations: readonly AgentRegistration[];
  state: WorkloadState | undefined;
  readonly members: Set<Member>;
}

interface Member {
  readonly selectors: readonly Selector[];
  readonly onChange: () => void;
  group: Group | undefined;
}

export interface WorkloadsParts {
  readonly keeper: Pick<SvidKeeper, 'get' | 'follow' | 'await'>;
  /** Streams that may be followed at once. */
  readonly maxSubscriptions?: number;
  readonly onLimit?: () => void;
}

/**
 * Who of the local workloads has which identities, and word to each stream when that changes. Streams of workloads
 * with the same registrations form a group that shares one state, so a change is worked out once for all of them.
 */
export class Workloads {
  readonly #parts: WorkloadsParts;
  readonly #maxSubscriptions: number;
  readonly #groups = new Map<string, Group>();
  readonly #groupsOf = new Map<string, Set<Group>>();
  readonly #members = new Set<Member>();
  #view: NodeView | undefined;
  #entitlements: Entitlements | undefined;

  constructor(parts: WorkloadsParts) {
    this.#parts = parts;
    this.#maxSubscriptions = parts.maxSubscriptions ?? 10_000;
  }

  get view(): NodeView | undefined {
    return this.#view;
  }

  get subscriptions(): number {
    return this.#members.size;
  }

  /** What is registered for whoever shows these selectors; undefined while the server has not been heard. */
  registrationsOf(selectors: readonly Selector[]): readonly AgentRegistration[] | undefined {
    return this.#entitlements?.of(selectors);
  }

  nearest(selectors: readonly Selector[]): NearMiss | undefined {
    return this.#entitlements?.nearest(selectors);
  }

  /** The state once, without following it. */
  stateFor(selectors: readonly Selector[]): WorkloadState {
    using subscription = this.subscribe(selectors, () => undefined);
    return subscription.state();
  }

  /** Follows what a workload with these selectors may have; throws TOO_MANY_STREAMS. */
  subscribe(selectors: readonly Selector[], onChange: () => void): WorkloadSubscription {
    if (this.#members.size >= this.#maxSubscriptions) {
      this.#parts.onLimit?.();
      throw agentErrors.TOO_MANY_STREAMS();
    }
    const member: Member = { selectors, onChange, group: undefined };
    this.#members.add(member);
    this.#join(member);
    return {
      state: () => this.#stateOf(member),
      [Symbol.dispose]: () => {
        this.#members.delete(member);
        this.#leave(member);
      },
    };
  }

  /** A new view is in force: certificates follow it, and every stream whose state may differ is told. */
  follow(view: NodeView): void {
    const before = this.#view;
    this.#view = view;
    const sameRegistrations =
      before?.registrations === view.registrations && before.revocations === view.revocations;
    if (!sameRegistrations) this.#entitlements = new Entitlements(view);
    // Told after all is in place, so that no stream sees half of it.
    const told = new Set<Member>();
    if (sameRegistrations && before.bundles === view.bundles) {
      this.#parts.keeper.follow(view, this.#entitlements?.all ?? []);
      return;
    }
    for (const group of this.#groups.values()) group.state = undefined;
    for (const member of this.#members) {
      if (!sameRegistrations) this.#join(member);
      told.add(member);
    }
    this.#parts.keeper.follow(view, this.#entitlements?.all ?? []);
    for (const member of told) member.onChange();
  }

  /** The certificate of an identity came, was exchanged or ended. */
  svidChanged(spiffeId: string): void {
    const told: Member[] = [];
    for (const group of this.#groupsOf.get(spiffeId) ?? []) {
      group.state = undefined;
      told.push(...group.members);
    }
    for (const member of told) member.onChange();
  }

  #join(member: Member): void {
    const registrations = this.#entitlements?.of(member.selectors);
    const key = registrations?.map(({ name }) => name).join('\n');
    if (member.group !== undefined && sameNames(member.group.registrations, registrations)) return;
    this.#leave(member);
    if (registrations === undefined || key === undefined || registrations.length === 0) return;
    let group = this.#groups.get(key);
    // The same names may say something else now.
    if (group === undefined || !sameNames(group.registrations, registrations)) {
      group = { registrations, state: undefined, members: new Set() };
      this.#groups.set(key, group);
      for (const { spiffeId } of registrations) {
        const groups = this.#groupsOf.get(spiffeId.uri);
        if (groups === undefined) this.#groupsOf.set(spiffeId.uri, new Set([group]));
        else groups.add(group);
      }
    }
    group.members.add(member);
    member.group = group;
  }

  #leave(member: Member): void {
    const { group } = member;
    member.group = undefined;
    if (group === undefined) return;
    group.members.delete(member);
    if (group.members.size > 0) return;
    const key = group.registrations.map(({ name }) => name).join('\n');
    if (this.#groups.get(key) === group) this.#groups.delete(key);
    for (const { spiffeId } of group.registrations) {
      const groups = this.#groupsOf.get(spiffeId.uri);
      groups?.delete(group);
      if (groups?.size === 0) this.#groupsOf.delete(spiffeId.uri);
    }
  }

  #stateOf({ group }: Member): WorkloadState {
    if (this.#view === undefined) return unknownState;
    if (group === undefined) return noneState;
    group.state ??= stateOf(this.#view, group.registrations, (id) => this.#parts.keeper.get(id));
    if (group.state.kind === 'pending')
      for (const { spiffeId } of group.registrations) this.#parts.keeper.await(spiffeId.uri);
    return group.state;
  }
}

/** True when these are the very same registrations, by object: what a view did not change it keeps. */
function sameNames(a: readonly AgentRegistration[], b: readonly AgentRegistration[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((one, i) => one === b[i]);
}

/** Selectors as an operator reads them. */
export function formatSelectors(selectors: readonly Selector[]): readonly string[] {
  return selectors.map(formatSelector);
}
