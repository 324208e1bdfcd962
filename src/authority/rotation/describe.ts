import type { AuthorityRole } from '../slot.ts';
import { activationGate, retirementGate, retiresAt, timeToLearn } from './gates.ts';
import { lineOf } from './lines.ts';
import type { BundleReader, Gate, RotatingKey, RotationOrder } from './model.ts';
import type { RotationView } from './step.ts';
import { dueTimes, skewOf } from './thresholds.ts';

/** Where the rotation of one kind of key is. */
export type RotationPhase = 'idle' | 'prepared' | 'published' | 'activated';

export interface RotationPhasePlan {
  readonly phase: 'prepare' | 'publish' | 'activate' | 'retire';
  readonly state: 'done' | 'next' | 'later';
  /** When it happened, or when it happens at the earliest by itself. */
  readonly at: number | undefined;
  /** The earliest instant at which an operator could have it, gates permitting. */
  readonly earliestAt: number | undefined;
  readonly what: string;
  readonly gate: Gate | undefined;
}

export interface RotationLineStatus {
  readonly role: AuthorityRole;
  readonly phase: RotationPhase;
  readonly order: RotationOrder | undefined;
  readonly active: RotatingKey | undefined;
  readonly next: RotatingKey | undefined;
  readonly old: readonly RotatingKey[];
  readonly phases: readonly RotationPhasePlan[];
  /** Whose report counts for a gate. */
  readonly mustAcknowledge: readonly BundleReader[];
}

/** The whole line as an operator sees it: what was done, what is next, when, and who it waits for. */
export function describeLine(role: AuthorityRole, view: RotationView): RotationLineStatus {
  const { state, observations } = view;
  const { active, next, old } = lineOf(state, role);
  const order = state.orders[role];
  const leaving = role === 'intermediate' ? undefined : old.at(-1);
  const phase = phaseOf(role, next, leaving);
  return {
    role,
    phase,
    order,
    active,
    next,
    old,
    phases: active === undefined ? [] : phasesOf(role, { active, next, leaving, order }, view),
    mustAcknowledge: role === 'intermediate' ? [] : observations.readers,
  };
}

function phaseOf(
  role: AuthorityRole,
  next: RotatingKey | undefined,
  leaving: RotatingKey | undefined,
): RotationPhase {
  if (next !== undefined)
    return next.published === undefined || role === 'intermediate' ? 'prepared' : 'published';
  return leaving === undefined ? 'idle' : 'activated';
}

interface Scene {
  readonly role: AuthorityRole;
  readonly active: RotatingKey;
  readonly next: RotatingKey | undefined;
  readonly leaving: RotatingKey | undefined;
  readonly order: RotationOrder | undefined;
  readonly isActivated: boolean;
  readonly view: RotationView;
}

function phasesOf(
  role: AuthorityRole,
  keys: Pick<Scene, 'active' | 'next' | 'leaving' | 'order'>,
  view: RotationView,
): readonly RotationPhasePlan[] {
  const isActivated = keys.next === undefined && keys.leaving !== undefined;
  const scene: Scene = { role, ...keys, isActivated, view };
  return role === 'intermediate'
    ? [preparation(scene), activationPlan(scene)]
    : [preparation(scene), publication(scene), activationPlan(scene), retirement(scene)];
}

const stateOf = (isDone: boolean, isNext: boolean) => (isDone ? 'done' : isNext ? 'next' : 'later');

/** When the machine would do it by itself; undefined: only when somebody asks. */
function bySchedule({ role, order, view }: Scene, at: number): number | undefined {
  if (order?.isPaused === true) return undefined;
  if (order?.mode === 'running' || order?.mode === 'forced') return view.now;
  return role === 'root' && !view.rules.rootsAutomatic ? undefined : Math.max(at, view.now);
}

function preparation(scene: Scene): RotationPhasePlan {
  const { role, active, next, isActivated, view } = scene;
  const madeAt = next?.notBefore ?? (isActivated ? active.notBefore : undefined);
  // A certificate is dated back: when it was published is nearer to when it was made.
  const publishedAt =
    next === undefined ? (isActivated ? active.published?.at : undefined) : next.published?.at;
  return {
    phase: 'prepare',
    state: stateOf(madeAt !== undefined, madeAt === undefined),
    at: publishedAt ?? madeAt ?? bySchedule(scene, dueTimes(role, active, view.rules).prepareAt),
    earliestAt: view.now,
    what: 'a new key is made; nobody sees it yet',
    gate: undefined,
  };
}

function publication(scene: Scene): RotationPhasePlan {
  const { role, active, next, isActivated, view } = scene;
  const publishedAt = next?.published?.at ?? (isActivated ? active.published?.at : undefined);
  return {
    phase: 'publish',
    state: stateOf(publishedAt !== undefined, next !== undefined),
    at: publishedAt ?? bySchedule(scene, dueTimes(role, active, view.rules).prepareAt),
    earliestAt: view.now,
    what: 'the trust bundle holds both; nothing is signed with the new one',
    gate: undefined,
  };
}

function activationPlan(scene: Scene): RotationPhasePlan {
  const { role, active, next, order, isActivated, view } = scene;
  const { now, rules, observations } = view;
  const gate =
    next === undefined || (role !== 'intermediate' && next.published === undefined)
      ? undefined
      : activationGate({ role, key: next, order, now, observations, rules });
  const opensAt = gate?.isOpen === true ? now : (gate?.opensAt ?? expectedOpening(scene));
  const at = bySchedule(scene, dueTimes(role, active, rules).activateAt);
  const isWaiting = next !== undefined && (role === 'intermediate' || next.published !== undefined);
  return {
    phase: 'activate',
    state: stateOf(isActivated, isWaiting),
    at: isActivated ? active.activatedAt : at && Math.max(at, opensAt ?? 0),
    earliestAt: opensAt,
    what: 'the new one signs; what the old one signed stays valid',
    gate,
  };
}

/** Before publication: as if it were published now. After it, a gate without an instant waits for reports. */
function expectedOpening({ role, next, view }: Scene): number | undefined {
  if (role === 'intermediate') return view.now;
  if (next?.published !== undefined) return undefined;
  return view.now + timeToLearn(role, view.rules);
}

function retirement({ role, leaving, order, isActivated, view }: Scene): RotationPhasePlan {
  const { now, rules, observations } = view;
  const input = leaving === undefined ? undefined : { role, key: leaving, now, order, observations, rules };
  const life = role === 'root' ? rules.leafLifetime : rules.longestToken;
  const expected = now + timeToLearn(role, rules) + life + skewOf(rules);
  return {
    phase: 'retire',
    state: stateOf(false, isActivated),
    at: input === undefined ? undefined : retiresAt(input),
    earliestAt: input === undefined ? expected : retiresAt(input),
    what: 'the old one leaves the bundle and its key is destroyed; there is no way back',
    gate: input === undefined ? undefined : retirementGate(input),
  };
}
