import type { Certificate } from '../x509/index.ts';
import { authorityErrors } from './errors.ts';
import { rotationState, withAction, withoutSlot } from './journal.ts';
import type { JournalKeeper } from './journal-keeper.ts';
import type { JwtSettings } from './jwt-authority.ts';
import { makeIntermediate, makeJwtKey, makeRoot, slotNamed } from './make-keys.ts';
import { openSlot } from './open-slot.ts';
import type { AuthorityPorts } from './ports.ts';
import { noObserver } from './ports-rotation.ts';
import { lineOf, withBelow } from './rotation/lines.ts';
import type {
  RotatingKey,
  RotationAction,
  RotationObservations,
  RotationRules,
  RotationState,
} from './rotation/model.ts';
import { type RotationView, step } from './rotation/step.ts';
import { activated } from './rotation/transitions.ts';
import type { SelfManagedSettings } from './self-managed-settings.ts';
import type { AuthorityRole } from './slot.ts';

/** A step that was made durable. */
export interface RotationEvent {
  readonly kind: RotationAction['kind'] | 'taint' | 'revoke' | 'order';
  readonly role: AuthorityRole;
  /** `authorityId` of the key that it was about. */
  readonly authorityId: string;
  readonly at: number;
  readonly sequence: bigint;
  readonly detail: Readonly<Record<string, string>>;
}

export interface RotatorParts {
  readonly ports: AuthorityPorts;
  readonly keeper: JournalKeeper;
  readonly rules: RotationRules;
  readonly jwt: JwtSettings;
  /** Absent: the certificates are plugged in, only JWT keys are ours. */
  readonly hierarchy?: SelfManagedSettings;
  /** The roots of plugged-in material, which the journal does not decide about. */
  readonly foreignRoots?: () => readonly Certificate[];
  readonly tell: (event: RotationEvent) => void;
}

/** More would be a circle: no line needs as many steps at one moment. */
const mostSteps = 40;
const mostHolders = 200;

/** Takes the steps that the reducer decides on, each made durable before the next is thought of. */
export class Rotator {
  readonly #parts: RotatorParts;

  constructor(parts: RotatorParts) {
    this.#parts = parts;
  }

  get rules(): RotationRules {
    return this.#parts.rules;
  }

  get keeper(): JournalKeeper {
    return this.#parts.keeper;
  }

  now(): number {
    return this.#parts.ports.clock.now();
  }

  foreignRoots(): readonly Certificate[] | undefined {
    return this.#parts.foreignRoots?.();
  }

  tell(kind: RotationEvent['kind'], key: RotatingKey, detail: RotationEvent['detail']): void {
    this.#say(kind, key.role, key.id, detail);
  }

  state(): RotationState {
    return rotationState(this.#parts.keeper.current);
  }

  async view(): Promise<RotationView> {
    const { ports, rules } = this.#parts;
    const state = this.state();
    return { state, now: ports.clock.now(), observations: await this.#observe(state), rules };
  }

  /**
   * Takes every step that is due. One kind of key that cannot go on does not hold up the others; what went wrong with
   * the first is thrown at the end.
   */
  async run(): Promise<void> {
    const failures = new Map<AuthorityRole, unknown>();
    for (let count = 0; count < mostSteps; count++) {
      const action = step(await this.view()).find(({ role }) => !failures.has(role));
      if (action === undefined) break;
      try {
        await this.take(action);
      } catch (error) {
        failures.set(action.role, error);
      }
    }
    for (const error of failures.values()) throw error;
  }

  /** Makes one step durable. Resolves when it is; a stop before that leaves the state before it. */
  async take(action: RotationAction): Promise<void> {
    const { ports, keeper } = this.#parts;
    if (action.kind === 'prepare') return this.#prepare(action);
    const before = this.state();
    const name = 'name' in action ? action.name : (action.names[0] as string);
    const key = before.keys.find((candidate) => candidate.name === name);
    if (action.kind === 'prune') {
      await keeper.settle();
      await ports.keys.remove(action.name);
    }
    const at = ports.clock.now();
    const foreignRoots = this.#parts.foreignRoots?.();
    await keeper.commit(withAction(keeper.current, action, { at, foreignRoots }));
    this.#say(action.kind, action.role, key?.id ?? '');
  }

  async #prepare({ role, underRoot }: RotationAction & { kind: 'prepare' }): Promise<void> {
    const { jwt, hierarchy, keeper } = this.#parts;
    await this.removeUnfinished();
    let name: string;
    if (role === 'jwt') name = await makeJwtKey(this.#parts, jwt);
    else if (hierarchy === undefined) throw authorityErrors.ROTATION_PLUGGED_IN();
    else if (role === 'root') name = await makeRoot(this.#parts, hierarchy.root);
    else name = await this.#prepareIntermediate(hierarchy, underRoot);
    const key = rotationState(keeper.current).keys.find((candidate) => candidate.name === name);
    this.#say('prepare', role, key?.id ?? '');
  }

  async #prepareIntermediate(hierarchy: SelfManagedSettings, underRoot: string | undefined): Promise<string> {
    const { ports, keeper } = this.#parts;
    const above = underRoot ?? lineOf(this.state(), 'root').active?.name;
    const root = above === undefined ? undefined : slotNamed(keeper, above);
    if (root === undefined) throw authorityErrors.AUTHORITY_MISSING({ message: 'the journal names no root' });
    return makeIntermediate(this.#parts, hierarchy.intermediate, await openSlot(ports, root));
  }

  /**
   * Makes what nothing signs as yet, the first JWT key or an intermediate that was switched on, and lets it sign. What
   * is published of it is for the caller to commit.
   */
  async makeActive(role: AuthorityRole): Promise<void> {
    const { keeper, ports } = this.#parts;
    if (lineOf(this.state(), role).active !== undefined) return;
    if (lineOf(this.state(), role).next === undefined) await this.#prepare({ kind: 'prepare', role });
    const made = lineOf(this.state(), role).next;
    if (made === undefined) return;
    const slots = activated(keeper.current.slots, [made.name], ports.clock.now());
    await keeper.commit({ ...keeper.current, slots });
  }

  /** A prepared slot that says nothing of its key has one that was never used: a crash came between (S19). */
  async removeUnfinished(): Promise<void> {
    const { ports, keeper } = this.#parts;
    for (const slot of keeper.current.slots) {
      const isFinished = slot.certificate !== undefined || slot.jwtKey !== undefined;
      if (isFinished || slot.state !== 'prepared') continue;
      await keeper.settle();
      await ports.keys.remove(slot.name);
      await keeper.commit(withoutSlot(keeper.current, slot.name));
    }
  }

  #say(
    kind: RotationEvent['kind'],
    role: AuthorityRole,
    authorityId: string,
    detail: RotationEvent['detail'] = {},
  ): void {
    const { keeper } = this.#parts;
    const { sequence } = keeper.current.bundle;
    this.#parts.tell({ kind, role, authorityId, at: this.now(), sequence, detail });
  }

  async #observe(state: RotationState): Promise<RotationObservations> {
    const observer = this.#parts.ports.observer ?? noObserver;
    const root = lineOf(state, 'root');
    const readers = await observer.readers();
    const since = root.next?.published?.at;
    const uninformed = since === undefined ? [] : await observer.holdersIssuedBefore(since, mostHolders);
    const lastEnds = new Map<string, number>();
    for (const old of root.old) lastEnds.set(old.id, await observer.lastEndSignedBy(idsBelow(state, old)));
    return { readers, uninformed, lastEnds };
  }
}

/** The `authorityId`s of a key and of everything under it. */
export function idsBelow(state: RotationState, key: RotatingKey): readonly string[] {
  const names = new Set(withBelow(state, key));
  return state.keys.filter(({ name, id }) => names.has(name) && id !== '').map(({ id }) => id);
}
