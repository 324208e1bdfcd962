import { authorityErrors } from './errors.ts';
import { withPublished } from './journal.ts';
import { describePluggedRoot } from './plugged-plan.ts';
import { type Commanded, commandNext, commandRollback, orderAfterRollback } from './rotation/commands.ts';
import { describeLine, type RotationLineStatus } from './rotation/describe.ts';
import { lineOf, withBelow } from './rotation/lines.ts';
import type { Gate, RotatingKey, RotationAction, RotationOrder, RotationState } from './rotation/model.ts';
import { revokedKeys, tainted, withOrder } from './rotation/transitions.ts';
import type { RotationEvent, Rotator } from './rotator.ts';
import type { SigningSource } from './signing-state.ts';
import type { AuthorityRole } from './slot.ts';

/** What an operator wants, and why: kept in the journal and the audit log. */
export interface RotationWish {
  readonly role: AuthorityRole;
  readonly reason: string;
  readonly leaveBehind?: readonly string[];
}

export interface RotationStatus {
  readonly sequence: bigint;
  readonly lines: readonly RotationLineStatus[];
  /** Authorities that are not to be relied on or count no more, as long as they are remembered. */
  readonly verdicts: readonly RotatingKey[];
}

/** How far an emergency reaches. */
export interface AuthorityReach {
  readonly key: RotatingKey;
  /** It and everything under it. */
  readonly keys: readonly RotatingKey[];
  readonly signs: boolean;
}

/** What people do with the keys of the authority. Every verb resolves when what it did is durable. */
export interface RotationControl {
  status(): Promise<RotationStatus>;
  /** One phase on. Throws ROTATION_GATE_CLOSED naming who blocks, ROTATION_NOTHING_TO_DO. */
  next(wish: RotationWish): Promise<readonly RotationAction[]>;
  /** From here to the end, each phase as soon as its gate is open. */
  start(wish: RotationWish): Promise<void>;
  pause(wish: RotationWish): Promise<void>;
  resume(wish: RotationWish): Promise<void>;
  rollback(wish: RotationWish): Promise<readonly RotationAction[]>;
  /** Prepares, publishes and activates at once, whoever is left behind. */
  force(wish: RotationWish): Promise<void>;
  /** Every key that is remembered. */
  keys(): readonly RotatingKey[];
  reach(authorityId: string): AuthorityReach;
  /** Everything under it is replaced at once; if it signs, a successor is made as fast as the gates allow. */
  taint(authorityId: string, reason: string): Promise<AuthorityReach>;
  /** Nothing under it counts any more. Throws AUTHORITY_STILL_SIGNS for a root or JWT key that signs. */
  revoke(authorityId: string, reason: string): Promise<AuthorityReach>;
  onEvent(listener: (event: RotationEvent) => void): Disposable;
}

export class SourceRotation implements RotationControl {
  readonly #source: SigningSource;

  constructor(source: SigningSource) {
    this.#source = source;
  }

  status(): Promise<RotationStatus> {
    return this.#source.inspect(async (rotator) => {
      const view = await rotator.view();
      const lines = view.rules.roles.map((role) => describeLine(role, view));
      if (this.#source.kind === 'plugged') lines.push(describePluggedRoot(this.#source.current(), view));
      const order: readonly AuthorityRole[] = ['root', 'intermediate', 'jwt'];
      return {
        sequence: rotator.keeper.current.bundle.sequence,
        lines: lines.sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role)),
        verdicts: view.state.keys.filter(
          ({ taint, revoked }) => taint !== undefined || revoked !== undefined,
        ),
      };
    });
  }

  next(wish: RotationWish): Promise<readonly RotationAction[]> {
    return this.#operate(wish.role, async (rotator) => {
      await setOrder(rotator, wish, (before) => ({
        ...(before ?? orderOf(wish, rotator, 'stepped')),
        reason: wish.reason,
        leftBehind: joined(before?.leftBehind, wish.leaveBehind),
      }));
      return takeWhole(rotator, wish.role, commandNext);
    });
  }

  start(wish: RotationWish): Promise<void> {
    return this.#operate(wish.role, (rotator) =>
      setOrder(rotator, wish, (before) => runOrder(rotator, wish, before, 'running')),
    );
  }

  force(wish: RotationWish): Promise<void> {
    return this.#operate(wish.role, (rotator) =>
      setOrder(rotator, wish, (before) => runOrder(rotator, wish, before, 'forced')),
    );
  }

  pause(wish: RotationWish): Promise<void> {
    return this.#operate(wish.role, (rotator) =>
      setOrder(rotator, wish, (before) => ({
        ...(before ?? orderOf(wish, rotator, 'scheduled')),
        reason: wish.reason,
        isPaused: true,
      })),
    );
  }

  resume(wish: RotationWish): Promise<void> {
    return this.#operate(wish.role, (rotator) =>
      setOrder(rotator, wish, (before) => {
        if (before === undefined || !before.isPaused) throw authorityErrors.ROTATION_NOTHING_TO_DO();
        return before.mode === 'scheduled' ? undefined : { ...before, isPaused: false };
      }),
    );
  }

  rollback(wish: RotationWish): Promise<readonly RotationAction[]> {
    return this.#operate(wish.role, async (rotator) => {
      const before = await rotator.view();
      if (commandRollback(wish.role, before).kind === 'nothing')
        throw authorityErrors.ROTATION_PAST_ROLLBACK();
      // Paused first: a stop in between must not go forward again.
      await setOrder(rotator, wish, () => ({ ...orderOf(wish, rotator, 'scheduled'), isPaused: true }));
      const taken = await takeWhole(rotator, wish.role, commandRollback);
      const after = orderAfterRollback(wish.role, await rotator.view());
      await setOrder(rotator, wish, () => after);
      return taken;
    });
  }

  keys(): readonly RotatingKey[] {
    return this.#source.rotationState().keys;
  }

  reach(authorityId: string): AuthorityReach {
    return reachOf(this.#source.rotationState(), authorityId);
  }

  taint(authorityId: string, reason: string): Promise<AuthorityReach> {
    return this.#source.operate(async (rotator) => {
      const reach = reachOf(rotator.state(), authorityId);
      const verdict = { at: rotator.now(), reason };
      const names = reach.keys.map(({ name }) => name);
      const { keeper } = rotator;
      await keeper.commit({
        ...keeper.current,
        slots: tainted(keeper.current.slots, names, verdict),
        orders: reach.signs
          ? withOrder(keeper.current.orders, reach.key.role, {
              ...orderOf({ role: reach.key.role, reason: `taint: ${reason}` }, rotator, 'running'),
              leftBehind: keeper.current.orders[reach.key.role]?.leftBehind ?? [],
            })
          : keeper.current.orders,
      });
      rotator.tell('taint', reach.key, { reason });
      return reachOf(rotator.state(), authorityId);
    });
  }

  revoke(authorityId: string, reason: string): Promise<AuthorityReach> {
    return this.#source.operate(async (rotator) => {
      const reach = reachOf(rotator.state(), authorityId);
      if (reach.signs) await replaceFirst(rotator, reach);
      const verdict = { at: rotator.now(), reason };
      const names = reach.keys.map(({ name }) => name);
      const { keeper } = rotator;
      const slots = revokedKeys(keeper.current.slots, names, verdict);
      await keeper.commit(withPublished({ ...keeper.current, slots }, verdict.at, rotator.foreignRoots()));
      rotator.tell('revoke', reach.key, { reason });
      return reach;
    });
  }

  onEvent(listener: (event: RotationEvent) => void): Disposable {
    return this.#source.onRotation(listener);
  }

  #operate<T>(role: AuthorityRole, work: (rotator: Rotator) => Promise<T>): Promise<T> {
    return this.#source.operate((rotator) => {
      if (!rotator.rules.roles.includes(role))
        throw this.#source.kind === 'plugged' && role !== 'jwt'
          ? authorityErrors.ROTATION_PLUGGED_IN()
          : authorityErrors.ROTATION_ROLE_UNKNOWN();
      return work(rotator);
    });
  }
}

function orderOf(wish: RotationWish, rotator: Rotator, mode: RotationOrder['mode']): RotationOrder {
  return {
    startedAt: rotator.now(),
    reason: wish.reason,
    mode,
    isPaused: false,
    leftBehind: wish.leaveBehind ?? [],
  };
}

function runOrder(
  rotator: Rotator,
  wish: RotationWish,
  before: RotationOrder | undefined,
  mode: 'running' | 'forced',
): RotationOrder {
  const order = orderOf(wish, rotator, mode);
  return { ...order, leftBehind: joined(before?.leftBehind, wish.leaveBehind) };
}

function joined(before: readonly string[] = [], more: readonly string[] = []): readonly string[] {
  return [...new Set([...before, ...more])];
}

async function setOrder(
  rotator: Rotator,
  wish: RotationWish,
  make: (before: RotationOrder | undefined) => RotationOrder | undefined,
): Promise<void> {
  const { keeper } = rotator;
  const { orders } = keeper.current;
  const order = make(orders[wish.role]);
  await keeper.commit({ ...keeper.current, orders: withOrder(orders, wish.role, order) });
  const key = lineOf(rotator.state(), wish.role).active;
  if (key !== undefined)
    rotator.tell('order', key, {
      mode: order === undefined ? 'scheduled' : order.isPaused ? 'paused' : order.mode,
      reason: wish.reason,
    });
}

/** A phase can take two steps (an intermediate under the new root, then the change): it is done when it took another. */
async function takeWhole(
  rotator: Rotator,
  role: AuthorityRole,
  command: (role: AuthorityRole, view: Awaited<ReturnType<Rotator['view']>>) => Commanded,
): Promise<readonly RotationAction[]> {
  const taken: RotationAction[] = [];
  for (;;) {
    const commanded = command(role, await rotator.view());
    if (commanded.kind === 'nothing') {
      if (taken.length === 0) throw authorityErrors.ROTATION_NOTHING_TO_DO();
      return taken;
    }
    if (commanded.kind === 'closed') throw closed(commanded.gate);
    await rotator.take(commanded.action);
    taken.push(commanded.action);
    if (commanded.action.role === role) return taken;
  }
}

function closed(gate: Gate): Error {
  const shown = gate.blockers.slice(0, 5).map(({ name, why }) => `${name} ${why}`);
  const more = gate.blockers.length - shown.length;
  return authorityErrors.ROTATION_GATE_CLOSED({
    message: `the next step has to wait: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
  });
}

function reachOf(state: RotationState, authorityId: string): AuthorityReach {
  const key = state.keys.find(({ id }) => id === authorityId);
  if (key === undefined) throw authorityErrors.AUTHORITY_UNKNOWN();
  const names = new Set(withBelow(state, key));
  const keys = state.keys.filter(({ name }) => names.has(name));
  return { key, keys, signs: keys.some((one) => one.state === 'active' && one.role === key.role) };
}

/** Another intermediate signs before this one is revoked: it needs no distribution. Others need to be replaced before. */
async function replaceFirst(rotator: Rotator, { key }: AuthorityReach): Promise<void> {
  if (key.role !== 'intermediate') throw authorityErrors.AUTHORITY_STILL_SIGNS();
  await rotator.take({ kind: 'prepare', role: 'intermediate' });
  const { next } = lineOf(rotator.state(), 'intermediate');
  if (next === undefined) throw authorityErrors.AUTHORITY_STILL_SIGNS();
  await rotator.take({ kind: 'activate', role: 'intermediate', names: [next.name] });
}
