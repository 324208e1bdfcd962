import { describe, expect, it } from 'vitest';
import {
  activeOf,
  applyTo,
  lifetimes,
  type ModelState,
  newModel,
  publishedRoots,
  rules,
  unobserved,
} from '../../../test/support/rotation-model.ts';
import { days, hours, minutes } from '../../base/duration.ts';
import { commandNext, commandRollback, orderAfterRollback } from './commands.ts';
import { describeLine } from './describe.ts';
import { activationGate } from './gates.ts';
import { lineOf } from './lines.ts';
import type {
  BundleReader,
  RotationAction,
  RotationObservations,
  RotationOrder,
  RotationRules,
} from './model.ts';
import { nextLookAt } from './next-look.ts';
import { step } from './step.ts';
import { tainted } from './transitions.ts';

const start = Date.parse('2026-03-01T12:00:00Z');
const running: RotationOrder = {
  startedAt: start,
  reason: 'yearly',
  mode: 'running',
  isPaused: false,
  leftBehind: [],
};

/** The machine on a clock that is told: every step that is due is taken, and written down as `what name`. */
class World {
  now = start;
  state: ModelState;
  observations: RotationObservations = unobserved;
  readonly log: string[] = [];
  readonly rules: RotationRules;

  constructor(use: RotationRules = rules, lives = lifetimes) {
    this.rules = use;
    this.state = newModel(start, lives, use);
  }

  get view() {
    return { state: this.state, now: this.now, observations: this.observations, rules: this.rules };
  }

  take(action: RotationAction): void {
    this.state = applyTo(this.state, action, { now: this.now });
    const names = 'name' in action ? action.name : 'names' in action ? action.names.join('+') : action.role;
    this.log.push(`${action.kind} ${names}`);
  }

  settle(): readonly string[] {
    this.log.length = 0;
    for (let actions = step(this.view); actions[0] !== undefined; actions = step(this.view)) {
      this.take(actions[0]);
      if (this.log.length > 50) throw new Error(`no end: ${this.log.join(', ')}`);
    }
    return [...this.log];
  }

  wait(ms: number): readonly string[] {
    this.now += ms;
    return this.settle();
  }

  order(order: RotationOrder | undefined, role: 'root' | 'intermediate' | 'jwt' = 'root'): void {
    const { [role]: _, ...others } = this.state.orders;
    this.state = { ...this.state, orders: order === undefined ? others : { ...others, [role]: order } };
  }

  reader(name: string, sequence: bigint, reportedAt = this.now): BundleReader {
    return { kind: 'agent', name, sequence, since: this.now, reportedAt };
  }

  gate(role: 'root' | 'jwt' = 'root') {
    const { next } = lineOf(this.state, role);
    if (next === undefined) throw new Error('nothing waits');
    const { now, observations } = this;
    return activationGate({
      role,
      key: next,
      order: this.state.orders[role],
      now,
      observations,
      rules: this.rules,
    });
  }
}

describe('the rotation of a root', () => {
  it('goes from the first step to the last by itself, each when its time has come', () => {
    const world = new World();
    expect(world.wait(days(3650 - 98))).not.toContain('prepare root');
    expect(world.wait(days(1)).filter((line) => line.includes('root'))).toEqual([
      'prepare root',
      expect.stringMatching(/^publish root-/),
    ]);
    const next = lineOf(world.state, 'root').next;
    expect(publishedRoots(world.state)).toEqual(['id-root-1', next?.id]);
    expect(activeOf(world.state, 'root')?.name).toBe('root-1');
    expect(world.wait(days(89)).join()).not.toContain('root-');
    const changed = world.wait(days(1.5)).filter((line) => line.startsWith('activate root'));
    expect(changed).toEqual([expect.stringMatching(/^activate root-\d+\+intermediate-\d+$/)]);
    expect(activeOf(world.state, 'intermediate')?.issuerId).toBe(activeOf(world.state, 'root')?.id);
    // What the old one signed is not on record here: its own end decides.
    expect(world.wait(days(5)).join()).not.toContain('retire root');
    expect(world.wait(days(2)).filter((line) => line.includes('root-1'))).toEqual([
      expect.stringMatching(/^retire root-1\+/),
      'prune root-1',
    ]);
    expect(publishedRoots(world.state)).toEqual([next?.id]);
  });

  it('does not begin by itself where that is switched off, nor while it is paused', () => {
    const off = new World({ ...rules, rootsAutomatic: false });
    expect(off.wait(days(3600)).join()).not.toContain('root');
    const paused = new World();
    paused.order({ ...running, isPaused: true });
    expect(paused.wait(days(3600)).join()).not.toContain('root');
  });

  it('publishes in one step and signs in another: nothing is signed with a root that was not published', () => {
    const world = new World();
    world.order(running);
    world.settle();
    expect(world.log).toEqual(['prepare root', 'publish root-4']);
    expect(activeOf(world.state, 'root')?.name).toBe('root-1');
    expect(world.state.sequence).toBe(2n);
  });

  it('gives those that never report a whole leaf lifetime, and until the end of every older certificate (adv:S20)', () => {
    const world = new World();
    world.order(running);
    world.settle();
    expect(world.gate()).toMatchObject({ isOpen: false, opensAt: start + hours(24) });
    world.observations = {
      ...unobserved,
      uninformed: [{ name: 'spiffe://td/ns/a/sa/old', until: start + hours(30) }],
    };
    expect(world.wait(hours(25))).toEqual([]);
    expect(world.gate().blockers).toMatchObject([
      { kind: 'certificate', name: 'spiffe://td/ns/a/sa/old', until: start + hours(30) + minutes(10) },
    ]);
    expect(world.wait(hours(5.5))).toEqual([
      'prepare intermediate',
      expect.stringMatching(/^activate root-4\+intermediate-5$/),
    ]);
  });

  it('waits for every agent and reader that reports, and names who holds it up (adv:S20)', () => {
    const world = new World();
    world.order(running);
    world.settle();
    world.now += hours(24.5);
    world.observations = {
      ...unobserved,
      readers: [world.reader('node-1', 2n), world.reader('node-2', 1n), world.reader('node-3', 2n)],
    };
    expect(world.settle()).toEqual([]);
    expect(world.gate()).toMatchObject({
      isOpen: false,
      opensAt: undefined,
      blockers: [{ kind: 'agent', name: 'node-2', why: 'holds bundle 1, not yet 2' }],
    });
    world.order({ ...running, leftBehind: ['node-2'] });
    expect(world.settle()).toHaveLength(2);
  });

  it('does not count an agent that was silent for a lifetime, and says so (adv:S20)', () => {
    const world = new World();
    world.order(running);
    world.settle();
    world.now += hours(24.5);
    world.observations = { ...unobserved, readers: [world.reader('gone', 1n, start)] };
    expect(world.gate()).toMatchObject({ isOpen: true, silent: [{ name: 'gone' }] });
  });

  it('retires the old root when the last certificate under it has ended, plus skew', () => {
    const world = new World();
    world.order(running);
    world.settle();
    world.wait(hours(25));
    expect(activeOf(world.state, 'root')?.name).toBe('root-4');
    world.observations = { ...unobserved, lastEnds: new Map([['id-root-1', world.now + hours(3)]]) };
    expect(world.wait(hours(3))).toEqual([]);
    expect(world.wait(minutes(10))).toEqual([
      'retire root-1+intermediate-2',
      'prune root-1',
      'prune intermediate-2',
    ]);
  });

  it('is carried out at once when forced, whoever is left behind', () => {
    const world = new World();
    world.order({ ...running, mode: 'forced' });
    world.observations = { ...unobserved, readers: [world.reader('node-1', 1n)] };
    expect(world.settle()).toEqual([
      'prepare root',
      'publish root-4',
      'prepare intermediate',
      'activate root-4+intermediate-5',
    ]);
    expect(world.state.orders).toEqual({});
  });

  it('waits for nobody when the old root has ended: there is nothing left to break', () => {
    const world = new World();
    world.now += days(3651);
    world.observations = { ...unobserved, readers: [world.reader('node-1', 1n)] };
    const log = world.settle();
    expect(log.find((line) => line.startsWith('activate root'))).toBeDefined();
  });
});

describe('an operator', () => {
  it('takes one phase at a time, and none whose gate is closed', () => {
    const world = new World();
    world.order({ ...running, mode: 'stepped' });
    const next = () => {
      const commanded = commandNext('root', world.view);
      if (commanded.kind === 'step') world.take(commanded.action);
      return commanded.kind;
    };
    expect([next(), world.settle()]).toEqual(['step', []]);
    expect(lineOf(world.state, 'root').next?.published).toBeUndefined();
    expect([next(), world.settle()]).toEqual(['step', []]);
    expect(next()).toBe('closed');
    world.now += hours(24);
    expect([next(), next()]).toEqual(['step', 'step']);
    expect(activeOf(world.state, 'root')?.name).toBe('root-4');
    expect(next()).toBe('closed');
  });

  it('takes back every step until the old root is retired', () => {
    const world = new World();
    const back = () => {
      for (;;) {
        const commanded = commandRollback('root', world.view);
        if (commanded.kind !== 'step') return commanded.kind;
        world.take(commanded.action);
        if (commanded.action.role === 'root') return commanded.action.kind;
      }
    };
    expect(back()).toBe('nothing');
    world.order(running);
    world.take({ kind: 'prepare', role: 'root' });
    expect(back()).toBe('retire');
    world.order(undefined);
    expect(world.settle()).toEqual(['prune root-4']);
    world.order(running);
    world.settle();
    expect(publishedRoots(world.state)).toHaveLength(2);
    expect(back()).toBe('retire');
    world.order(undefined);
    world.settle();
    expect(publishedRoots(world.state)).toEqual(['id-root-1']);
    world.order(running);
    world.settle();
    world.wait(hours(24));
    expect(activeOf(world.state, 'root')?.name).not.toBe('root-1');
    expect(back()).toBe('activate');
    expect(activeOf(world.state, 'root')?.name).toBe('root-1');
    expect(activeOf(world.state, 'intermediate')).toMatchObject({
      name: 'intermediate-2',
      issuerId: 'id-root-1',
    });
    expect(publishedRoots(world.state)).toHaveLength(2);
  });

  it('is not overruled by the thresholds right after a rollback', () => {
    const world = new World();
    expect(orderAfterRollback('root', world.view)).toBeUndefined();
    world.now += days(3600);
    expect(orderAfterRollback('root', world.view)).toMatchObject({ isPaused: true });
  });

  it('sees every phase with its time and its gate', () => {
    const world = new World();
    const line = () => describeLine('root', world.view);
    expect(line()).toMatchObject({ phase: 'idle' });
    expect(line().phases.map(({ phase, state }) => `${phase} ${state}`)).toEqual([
      'prepare next',
      'publish later',
      'activate later',
      'retire later',
    ]);
    world.order(running);
    world.settle();
    expect(line()).toMatchObject({ phase: 'published' });
    expect(line().phases[2]).toMatchObject({ state: 'next', earliestAt: start + hours(24) });
    world.wait(hours(24));
    expect(line()).toMatchObject({ phase: 'activated' });
    expect(line().phases.map(({ state }) => state)).toEqual(['done', 'done', 'done', 'next']);
  });
});

describe('intermediates and JWT keys', () => {
  it('an intermediate is made and signs at once when a third of its life is left, and goes when it has ended', () => {
    const world = new World();
    expect(world.wait(days(19.9)).join()).not.toContain('intermediate');
    const log = world.wait(days(0.2));
    expect(log.filter((line) => line.includes('intermediate'))).toEqual([
      'prepare intermediate',
      expect.stringMatching(/^activate intermediate-/),
    ]);
    world.wait(days(9.9));
    expect(world.wait(minutes(20)).filter((line) => line.includes('intermediate-2'))).toEqual([
      'retire intermediate-2',
      'prune intermediate-2',
    ]);
  });

  it('a JWT key is published half a life before its end and signs a sixth before it', () => {
    const world = new World();
    expect(world.wait(days(14.9))).toEqual([]);
    expect(world.wait(days(0.2))).toEqual(['prepare jwt', 'publish jwt-4']);
    expect(world.wait(days(9.8)).filter((line) => line.includes('jwt'))).toEqual([]);
    expect(world.wait(days(0.2)).filter((line) => line.includes('jwt'))).toEqual(['activate jwt-4']);
    expect(world.wait(hours(24)).filter((line) => line.includes('jwt'))).toEqual([]);
    expect(world.wait(minutes(10))).toEqual(['retire jwt-3', 'prune jwt-3']);
  });

  it('a JWT key does not sign before validators had five times the refresh hint (spiffe:F-13)', () => {
    const world = new World();
    world.order(running, 'jwt');
    world.settle();
    expect(world.wait(minutes(24))).toEqual([]);
    expect(world.gate('jwt').opensAt).toBe(start + minutes(25));
    expect(world.wait(minutes(1))).toEqual(['activate jwt-4']);
  });

  it('one that is tainted while it signs is replaced as soon as the gate allows', () => {
    const world = new World();
    world.state = {
      ...world.state,
      keys: tainted(world.state.keys, ['jwt-3'], { at: start, reason: 'leak' }),
    };
    world.order(running, 'jwt');
    expect(world.settle()).toEqual(['prepare jwt', 'publish jwt-4']);
    expect(commandRollback('jwt', world.view).kind).toBe('step');
    world.wait(minutes(25));
    expect(commandRollback('jwt', world.view).kind).toBe('nothing');
  });
});

describe('the machine', () => {
  it('knows when to look again', () => {
    const world = new World();
    expect(nextLookAt(world.view)).toBe(start + days(15));
    world.order(running);
    world.settle();
    expect(nextLookAt(world.view)).toBe(start + hours(24));
  });

  it('decides the same from the same, and nothing twice', () => {
    const world = new World();
    world.order(running);
    expect(step(world.view)).toEqual(step(world.view));
    world.settle();
    expect(step(world.view)).toEqual([]);
  });
});
