import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/fakes/clock.ts';
import { FakeLogger } from '../../../test/fakes/logger.ts';
import { FollowedResources } from './followed-resources.ts';
import { PolicyRollout, type RolloutMember } from './policy-rollout.ts';

const document = (name: string, version: bigint) => ({
  put: {
    kind: 'AuthorizationPolicy',
    namespace: 'shop',
    name,
    content: '{}',
    owner: '',
    version,
    createdAt: 0,
    updatedAt: 0,
  },
});

/** A member that keeps what it was told; the test answers for it. */
class Member implements RolloutMember {
  readonly name: string;
  readonly told: string[] = [];

  constructor(name: string) {
    this.name = name;
  }
  prepare(revision: bigint): void {
    this.told.push(`prepare ${revision}`);
  }
  activate(revision: bigint): void {
    this.told.push(`activate ${revision}`);
  }
  cancel(revision: bigint): void {
    this.told.push(`cancel ${revision}`);
  }
  abandon(): void {
    this.told.push('abandon');
  }
}

async function rolloutOf(...names: string[]) {
  const store = new FollowedResources([], 0n);
  const clock = new FakeClock();
  const rollout = new PolicyRollout(store, { clock, logger: new FakeLogger() });
  const members = names.map((name) => new Member(name));
  for (const member of members) await rollout.join(member, async () => 0n);
  const settle = () => clock.advance(0);
  return { store, clock, rollout, members: members as [Member, Member], settle };
}

describe('a rollout to workers (D23)', () => {
  it('lets nobody decide by a revision before everybody is ready to', async () => {
    const { store, rollout, members, settle } = await rolloutOf('a', 'b');
    const [a, b] = members;
    store.apply([document('x', 1n)], 1n);
    await settle();
    rollout.prepared(a, 1n);
    await settle();
    expect([a.told, b.told]).toEqual([['prepare 1'], ['prepare 1']]);
    rollout.prepared(b, 1n);
    await settle();
    expect([a.told.at(-1), b.told.at(-1)]).toEqual(['activate 1', 'activate 1']);
    expect(rollout.list().map(({ revision }) => revision)).toEqual([0n, 0n]);
    rollout.activated(a, 1n);
    rollout.activated(b, 1n);
    expect(rollout.list().map(({ revision }) => revision)).toEqual([1n, 1n]);
  });

  it('leaves everybody with the last good one when one of them refuses', async () => {
    const { store, rollout, members, settle } = await rolloutOf('a', 'b');
    const [a, b] = members;
    store.apply([document('x', 1n)], 1n);
    await settle();
    rollout.prepared(a, 1n);
    rollout.refused(b, 1n, 'too large');
    await settle();
    expect([a.told.at(-1), b.told.at(-1)]).toEqual(['cancel 1', 'cancel 1']);
    expect(rollout.list()).toMatchObject([{ problem: 'too large' }, { problem: 'too large' }]);
    store.apply([document('x', 2n)], 2n);
    await settle();
    expect(a.told.at(-1)).toBe('prepare 2');
  });

  it('does not wait for one that left, and gives up one that never answers', async () => {
    const { store, clock, rollout, members, settle } = await rolloutOf('a', 'b', 'c');
    const [a, b, c] = members as unknown as [Member, Member, Member];
    store.apply([document('x', 1n)], 1n);
    await settle();
    rollout.prepared(a, 1n);
    rollout.leave(b);
    await settle();
    expect(a.told).toEqual(['prepare 1']);
    await clock.advance(20_000);
    expect(c.told.at(-1)).toBe('abandon');
    expect(a.told.at(-1)).toBe('activate 1');
  });

  it('takes what is written meanwhile as the next batch', async () => {
    const { store, rollout, members, settle } = await rolloutOf('a');
    const [a] = members;
    store.apply([document('x', 1n)], 1n);
    await settle();
    store.apply([document('y', 2n)], 2n);
    store.apply([document('z', 3n)], 3n);
    await settle();
    expect(a.told).toEqual(['prepare 1']);
    rollout.prepared(a, 1n);
    await settle();
    rollout.activated(a, 1n);
    await settle();
    expect(a.told).toEqual(['prepare 1', 'activate 1', 'prepare 3']);
  });
});
