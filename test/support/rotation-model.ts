import { isPublished } from '../../src/authority/rotation/lines.ts';
import type {
  RotatingKey,
  RotationAction,
  RotationObservations,
  RotationRules,
  RotationState,
} from '../../src/authority/rotation/model.ts';
import {
  activated,
  pruned,
  published,
  retired,
  withOrder,
} from '../../src/authority/rotation/transitions.ts';
import { days, hours, minutes, seconds } from '../../src/base/duration.ts';

/** What the journal would hold, without certificates: histories, orders and the bundle's count. */
export interface ModelState extends RotationState {
  readonly sequence: bigint;
  readonly made: number;
}

export const rules: RotationRules = {
  roles: ['root', 'intermediate', 'jwt'],
  thresholds: {},
  rootsAutomatic: true,
  hasIntermediate: true,
  intermediateLifetime: days(30),
  leafLifetime: hours(24),
  longestLeaf: days(90),
  longestToken: hours(24),
  refreshHint: minutes(5),
};

export const unobserved: RotationObservations = { readers: [], uninformed: [], lastEnds: new Map() };

export interface Lifetimes {
  readonly root: number;
  readonly intermediate: number;
  readonly jwt: number;
}

export const lifetimes: Lifetimes = { root: days(3650), intermediate: days(30), jwt: days(30) };

/** A hierarchy as it is made: one of each, active, in bundle 1. */
export function newModel(now: number, lives: Lifetimes = lifetimes, use: RotationRules = rules): ModelState {
  const root = key('root', 1, { now, life: lives.root });
  const jwt = key('jwt', 3, { now, life: lives.jwt });
  const below = { ...key('intermediate', 2, { now, life: lives.intermediate }), issuerId: root.id };
  const inBundle = { state: 'active', published: { at: now, sequence: 1n } } as const;
  const keys: RotatingKey[] = [{ ...root, ...inBundle }];
  if (use.hasIntermediate) keys.push({ ...below, state: 'active' });
  if (use.roles.includes('jwt')) keys.push({ ...jwt, ...inBundle });
  return { keys, orders: {}, sequence: 1n, made: 3 };
}

function key(
  role: RotatingKey['role'],
  number: number,
  { now, life }: { now: number; life: number },
): RotatingKey {
  const name = `${role}-${number}`;
  const notAfter = now + life;
  return {
    name,
    role,
    origin: 'self-managed',
    state: 'prepared',
    id: `id-${name}`,
    notBefore: now,
    notAfter,
  };
}

const bundleOf = (keys: readonly RotatingKey[]) =>
  keys
    .filter(isPublished)
    .map(({ id }) => id)
    .sort()
    .join();

/** One step made durable. */
export function applyTo(
  state: ModelState,
  action: RotationAction,
  { now, lives = lifetimes }: { now: number; lives?: Lifetimes },
): ModelState {
  if (action.kind === 'prepare') {
    const above = state.keys.find((one) => one.name === action.underRoot) ?? activeOf(state, 'root');
    const made = key(action.role, state.made + 1, { now, life: lives[action.role] });
    const issuerId = action.role === 'intermediate' ? above?.id : undefined;
    return { ...state, made: state.made + 1, keys: [...state.keys, { ...made, issuerId }] };
  }
  const next = changed(state, action, now);
  const sequence = bundleOf(next.keys) === bundleOf(state.keys) ? state.sequence : state.sequence + 1n;
  return { ...state, ...next, sequence };
}

function changed(
  { keys, orders, sequence }: ModelState,
  action: Exclude<RotationAction, { kind: 'prepare' }>,
  now: number,
): RotationState {
  switch (action.kind) {
    case 'publish':
      return { orders, keys: published(keys, action.name, { at: now, sequence: sequence + 1n }) };
    case 'activate':
      return { keys: activated(keys, action.names, now), orders: withOrder(orders, action.role, undefined) };
    case 'retire':
      return { orders, keys: retired(keys, action.names) };
    case 'prune':
      return { orders, keys: pruned(keys, action.name, action.forget) };
  }
}

export function activeOf(state: RotationState, role: RotatingKey['role']): RotatingKey | undefined {
  return state.keys.find((one) => one.role === role && one.state === 'active');
}

/** The roots of the bundle, by id. */
export function publishedRoots(state: RotationState): readonly string[] {
  return state.keys.filter((one) => one.role === 'root' && isPublished(one)).map(({ id }) => id);
}

export const shortRules: RotationRules = {
  ...rules,
  roles: ['root'],
  hasIntermediate: false,
  rootsAutomatic: false,
  leafLifetime: seconds(20),
  longestLeaf: seconds(20),
  refreshHint: seconds(1),
};
