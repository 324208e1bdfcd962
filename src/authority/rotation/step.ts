import type { AuthorityRole } from '../slot.ts';
import { activationGate, retirementGate } from './gates.ts';
import { lineOf, preparedUnder, withBelow } from './lines.ts';
import type {
  RotatingKey,
  RotationAction,
  RotationObservations,
  RotationOrder,
  RotationRules,
  RotationState,
} from './model.ts';
import { dueTimes } from './thresholds.ts';

/** Everything that a step is decided by. */
export interface RotationView {
  readonly state: RotationState;
  readonly now: number;
  readonly observations: RotationObservations;
  readonly rules: RotationRules;
}

/**
 * What is to be done now, at most one step for each kind of key; nothing else decides. Pure: the same input gives the
 * same steps. The caller takes the first, makes it durable, and asks again.
 */
export function step(view: RotationView): readonly RotationAction[] {
  const order: readonly AuthorityRole[] = ['root', 'intermediate', 'jwt'];
  return order
    .filter((role) => view.rules.roles.includes(role))
    .map((role) => nextOf(role, view))
    .filter((action) => action !== undefined);
}

function nextOf(role: AuthorityRole, view: RotationView): RotationAction | undefined {
  return cleanUp(role, view) ?? goForward(role, view) ?? retireOld(role, view);
}

/** Keys that nothing needs any more are destroyed; a revoked authority is remembered until its certificate ends. */
function cleanUp(role: AuthorityRole, { state, now }: RotationView): RotationAction | undefined {
  for (const key of state.keys) {
    if (key.role !== role || key.origin !== 'self-managed') continue;
    if (key.state === 'prepared' && key.id !== '' && now >= key.notAfter)
      return { kind: 'retire', role, names: withBelow(state, key) };
    if (key.state !== 'retired') continue;
    const forget = key.revoked === undefined || now > key.notAfter;
    if (forget || key.keyDestroyed !== true) return { kind: 'prune', role, name: key.name, forget };
  }
  return undefined;
}

function goForward(role: AuthorityRole, view: RotationView): RotationAction | undefined {
  const { state, now, rules } = view;
  const { active, next } = lineOf(state, role);
  const order = state.orders[role];
  if (active === undefined || order?.isPaused === true) return undefined;
  const due = dueTimes(role, active, rules);
  const mayBySchedule = role !== 'root' || rules.rootsAutomatic || order !== undefined;
  const isPressing = order?.mode === 'running' || order?.mode === 'forced';
  const hasBegun = order !== undefined && order.mode !== 'stepped';
  if (next === undefined) {
    const isDue = isPressing || (mayBySchedule && now >= due.prepareAt && isOfUse(role, active, view));
    return isDue ? { kind: 'prepare', role } : undefined;
  }
  if (role !== 'intermediate' && next.published === undefined) {
    const isDue = hasBegun || (mayBySchedule && now >= due.prepareAt);
    return isDue ? { kind: 'publish', role, name: next.name } : undefined;
  }
  const isDue = isPressing || (mayBySchedule && now >= due.activateAt);
  return isDue && mayActivate(role, { key: next, active, order }, view)
    ? activation(role, next, view)
    : undefined;
}

/** An intermediate that ends with its root cannot be made to live longer by making another. */
function isOfUse(role: AuthorityRole, active: RotatingKey, { state, now, rules }: RotationView): boolean {
  if (role !== 'intermediate') return true;
  const root = lineOf(state, 'root').active;
  if (root === undefined || now >= root.notAfter || root.keyDestroyed === true) return false;
  return Math.min(now + rules.intermediateLifetime, root.notAfter) > active.notAfter + 1000;
}

function mayActivate(
  role: AuthorityRole,
  keys: { key: RotatingKey; active: RotatingKey; order: RotationOrder | undefined },
  { now, observations, rules }: RotationView,
): boolean {
  const { key, active, order } = keys;
  if (order?.mode === 'forced') return true;
  // Nothing that an ended authority signed is valid: there is nobody to be careful of.
  if (now >= active.notAfter) return true;
  return activationGate({ role, key, order, now, observations, rules }).isOpen;
}

/** A root begins to sign together with an intermediate under it: the two change in one write. */
export function activation(
  role: AuthorityRole,
  next: RotatingKey,
  { state, now, rules }: Pick<RotationView, 'state' | 'now' | 'rules'>,
): RotationAction {
  if (role !== 'root' || !rules.hasIntermediate) return { kind: 'activate', role, names: [next.name] };
  const below = preparedUnder(state, next.id);
  if (below === undefined || now >= below.notAfter)
    return { kind: 'prepare', role: 'intermediate', underRoot: next.name };
  return { kind: 'activate', role, names: [next.name, below.name] };
}

function retireOld(role: AuthorityRole, view: RotationView): RotationAction | undefined {
  const { state, now, observations, rules } = view;
  const order = state.orders[role];
  if (order?.isPaused === true) return undefined;
  const ended = lineOf(state, role).old.find(
    (key) => retirementGate({ role, key, order, now, observations, rules }).isOpen,
  );
  return ended === undefined ? undefined : { kind: 'retire', role, names: withBelow(state, ended) };
}
