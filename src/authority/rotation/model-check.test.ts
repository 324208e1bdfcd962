import { describe, expect, it } from 'vitest';
import {
  activeOf,
  applyTo,
  type ModelState,
  newModel,
  publishedRoots,
  shortRules,
} from '../../../test/support/rotation-model.ts';
import { type Duration, days } from '../../base/duration.ts';
import { commandRollback } from './commands.ts';
import { lineOf, withBelow } from './lines.ts';
import type { RotationObservations, RotationRules } from './model.ts';
import { step } from './step.ts';
import { revokedKeys } from './transitions.ts';

const tick = 10_000;
/** A leaf lives two ticks; the skew is a fifth of one. */
const life = 2 * tick;
const lives = { root: days(3650), intermediate: 0, jwt: 0 };

interface Leaf {
  readonly root: string;
  readonly issuedAt: number;
}

/** An agent knows the last bundle it synced; a CSR client knows the roots that came with its last certificate. */
interface Holder {
  readonly name: string;
  readonly kind: 'agent' | 'client';
  readonly knows: readonly string[];
  readonly leaf: Leaf | undefined;
  readonly sequence: bigint;
  readonly reportedAt: number;
}

interface World {
  readonly now: number;
  readonly machine: ModelState;
  readonly holders: readonly Holder[];
  readonly begun: number;
  readonly takenBack: number;
  readonly revoked: { readonly id: string; readonly at: number } | undefined;
}

function observe({ machine, holders, now }: World): RotationObservations {
  const agents = holders.filter(({ kind }) => kind === 'agent');
  const since = lineOf(machine, 'root').next?.published?.at;
  const living = holders.filter(({ leaf }) => leaf !== undefined && now < leaf.issuedAt + life);
  const ends = new Map(machine.keys.map(({ id }) => [id, 0]));
  for (const { leaf } of living)
    if (leaf !== undefined) ends.set(leaf.root, Math.max(ends.get(leaf.root) ?? 0, leaf.issuedAt + life));
  return {
    readers: agents.map(({ name, sequence, reportedAt }) => ({
      kind: 'agent',
      name,
      sequence,
      since: reportedAt,
      reportedAt,
    })),
    uninformed:
      since === undefined
        ? []
        : living
            .filter(({ leaf }) => leaf !== undefined && leaf.issuedAt <= since)
            .map(({ name, leaf }) => ({ name, until: (leaf?.issuedAt ?? 0) + life })),
    lastEnds: ends,
  };
}

const bundle = (world: World) => publishedRoots(world.machine);

function withHolder(world: World, index: number, change: (holder: Holder) => Holder): World {
  return { ...world, holders: world.holders.map((one, at) => (at === index ? change(one) : one)) };
}

const synced =
  (world: World) =>
  (holder: Holder): Holder => ({
    ...holder,
    knows: bundle(world),
    sequence: world.machine.sequence,
    reportedAt: world.now,
  });

const renewed =
  (world: World) =>
  (holder: Holder): Holder => ({
    ...synced(world)(holder),
    leaf: { root: activeOf(world.machine, 'root')?.id ?? '', issuedAt: world.now },
  });

interface Rules {
  readonly rules: RotationRules;
  readonly allowRollback?: boolean;
  readonly allowRevoke?: boolean;
  /** The records of what was issued are not looked at. */
  readonly isBlind?: boolean;
}

/** Everything that can happen next, one thing at a time, in any order. */
function successors(world: World, { rules, allowRollback, allowRevoke, isBlind }: Rules): readonly World[] {
  const { machine, now } = world;
  const seen = observe(world);
  const observations = isBlind === true ? { ...seen, uninformed: [] } : seen;
  const view = { state: machine, now, observations, rules };
  const next: World[] = [];
  for (const action of step(view)) next.push({ ...world, machine: applyTo(machine, action, { now, lives }) });
  world.holders.forEach(({ kind, leaf, knows, sequence, reportedAt }, index) => {
    const isFresh = sequence === machine.sequence && reportedAt === now;
    if (kind === 'agent' && !isFresh) next.push(withHolder(world, index, synced(world)));
    if (leaf?.issuedAt !== now || knows !== bundle(world))
      next.push(withHolder(world, index, renewed(world)));
  });
  if (world.begun < 1)
    next.push({
      ...world,
      begun: world.begun + 1,
      machine: {
        ...machine,
        orders: {
          root: { startedAt: now, reason: '', mode: 'running', isPaused: false, leftBehind: [] },
        },
      },
    });
  if (allowRollback === true && world.takenBack < 1) {
    const back = commandRollback('root', view);
    if (back.kind === 'step')
      next.push({
        ...world,
        takenBack: 1,
        machine: { ...applyTo(machine, back.action, { now, lives }), orders: {} },
      });
  }
  const old = lineOf(machine, 'root').old[0];
  if (allowRevoke === true && world.revoked === undefined && old !== undefined)
    next.push({
      ...world,
      revoked: { id: old.id, at: now },
      machine: {
        ...machine,
        sequence: machine.sequence + 1n,
        keys: revokedKeys(machine.keys, withBelow(machine, old), { at: now, reason: 'leak' }),
      },
    });
  next.push({ ...world, now: now + tick });
  return next;
}

/** Times count from now, and what is too long ago to matter is all the same: equal futures are one state. */
function identify(world: World): string {
  const { now, machine } = world;
  const age = (at: number | undefined) => (at === undefined ? undefined : Math.min(now - at, 4 * tick));
  const number = new Map(machine.keys.map(({ id }, index) => [id, index]));
  const roots = (ids: readonly string[]) => ids.map((id) => number.get(id) ?? 'gone');
  return JSON.stringify([
    machine.keys.map(({ state, published, steppedDownAt, revoked }) => [
      state,
      published && [age(published.at), Number(machine.sequence - published.sequence)],
      age(steppedDownAt),
      revoked !== undefined,
    ]),
    machine.orders.root?.mode,
    world.holders.map(({ knows, leaf, sequence, reportedAt }) => [
      roots(knows),
      leaf === undefined || now >= leaf.issuedAt + life
        ? 'none'
        : [number.get(leaf.root) ?? 'gone', age(leaf.issuedAt)],
      Math.min(Number(machine.sequence - sequence), 5),
      age(reportedAt),
    ]),
    world.begun,
    world.takenBack,
    world.revoked && [number.get(world.revoked.id) ?? 'gone', age(world.revoked.at)],
  ]);
}

/** Whoever has a certificate that lives believes everyone else who has one. */
function findRefusal({ holders, now, revoked }: World): string | undefined {
  const living = holders.filter(({ leaf }) => leaf !== undefined && now < leaf.issuedAt + life);
  for (const peer of living)
    for (const other of living) {
      const root = other.leaf?.root ?? '';
      const isKnown = peer.knows.includes(root);
      if (root !== revoked?.id && !isKnown) return `${peer.name} refuses ${other.name}`;
      const isBound = revoked !== undefined && now - revoked.at > life;
      if (root === revoked?.id && isKnown && isBound) return `${peer.name} accepts what was revoked`;
    }
  return undefined;
}

function explore(options: Rules): { states: number; refusal: string | undefined; phases: Set<string> } {
  const machine = newModel(0, lives, options.rules);
  const holder = (name: string, kind: Holder['kind']): Holder => ({
    name,
    kind,
    knows: publishedRoots(machine),
    leaf: { root: 'id-root-1', issuedAt: 0 },
    sequence: 1n,
    reportedAt: 0,
  });
  const first: World = {
    now: 0,
    machine,
    holders: [holder('agent-1', 'agent'), holder('agent-2', 'agent'), holder('client', 'client')],
    begun: 0,
    takenBack: 0,
    revoked: undefined,
  };
  const seen = new Set([identify(first)]);
  const phases = new Set<string>();
  let frontier: World[] = [first];
  while (frontier.length > 0) {
    const coming: World[] = [];
    for (const world of frontier)
      for (const next of successors(world, options)) {
        const identity = identify(next);
        if (seen.has(identity)) continue;
        seen.add(identity);
        const refusal = findRefusal(next);
        if (refusal !== undefined) return { states: seen.size, refusal, phases };
        phases.add(next.machine.keys.map(({ state, published }) => `${state}${published ? '!' : ''}`).join());
        coming.push(next);
      }
    frontier = coming;
  }
  return { states: seen.size, refusal: undefined, phases };
}

const rules: RotationRules = {
  ...shortRules,
  leafLifetime: life as Duration,
  longestLeaf: life as Duration,
  refreshHint: 0 as Duration,
};

describe('every state that two agents, a CSR client and a rotating root can reach', () => {
  it('is one in which nobody refuses a certificate that is valid (adv:S20)', { timeout: 120_000 }, () => {
    const { states, refusal, phases } = explore({ rules });
    expect(refusal).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
    // It went all the way: prepared, published, active beside the old one, alone.
    expect([...phases]).toEqual(
      expect.arrayContaining(['active!,prepared', 'active!,prepared!', 'old!,active!', 'active!']),
    );
  });

  it('also when a step is taken back in the middle', { timeout: 120_000 }, () => {
    expect(explore({ rules, allowRollback: true }).refusal).toBeUndefined();
  });

  it('and what a revoked root signed is believed by nobody after one leaf lifetime', {
    timeout: 120_000,
  }, () => {
    expect(explore({ rules, allowRevoke: true }).refusal).toBeUndefined();
  });

  it('would not be, did activation not wait for those that never report', { timeout: 120_000 }, () => {
    const hasty = { ...rules, leafLifetime: 1 as Duration };
    expect(explore({ rules: hasty, isBlind: true }).refusal).toMatch(/refuses/);
  });
});
