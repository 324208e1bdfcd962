import { describe, expect, it } from 'vitest';
import { updateOf, viewOf } from '../../test/fakes/agent-ports.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { FakeLogger } from '../../test/fakes/logger.ts';
import { makePki } from '../../test/support/pki.ts';
import { parseSelector } from '../spiffe/index.ts';
import { attestWorkload, type WorkloadPeer } from './attestation.ts';
import { Entitlements } from './entitlement.ts';
import { NodeReports } from './node-reports.ts';
import type { NodeReport } from './ports.ts';
import { RefusalRing } from './refusal-ring.ts';
import { renewalAt, retryCap, retryDelay } from './renewal-plan.ts';
import type { WorkloadSvid } from './svid-keeper.ts';
import { applyUpdate } from './view.ts';

const now = Date.parse('2026-06-01T12:00:00Z');
const pki = await makePki({ now });
const td = 'spiffe://cluster.local';

describe('the renewal plan', () => {
  it('renews about half way between receipt and end, wherever notBefore lies', () => {
    const life = { receivedAt: 1_000, notAfter: 101_000 };
    expect(renewalAt(life, 0)).toBe(46_000);
    expect(renewalAt(life, 0.5)).toBe(51_000);
    expect(renewalAt(life, 0.999999)).toBeLessThan(56_000);
    expect(renewalAt({ receivedAt: 5_000, notAfter: 1_000 }, 0.5)).toBe(5_000);
  });

  it('waits longer after each failure up to a cap, never less than the server wished', () => {
    const at = (failures: number, unit: number, retryAfterSeconds?: number) =>
      retryDelay({ failures, unit, baseMs: 1_000, capMs: 30_000, retryAfterSeconds });
    expect([at(1, 0), at(2, 0), at(3, 0), at(100, 0)]).toEqual([500, 1_000, 2_000, 15_000]);
    expect(at(100, 1)).toBe(30_000);
    expect(at(1, 0, 20)).toBe(20_000);
    expect(at(1, 1, 20)).toBe(30_000);
  });

  it('tries more often when little time is left, but not in a frenzy', () => {
    expect([retryCap(Number.POSITIVE_INFINITY), retryCap(20_000), retryCap(100)]).toEqual([
      30_000, 5_000, 1_000,
    ]);
  });
});

describe('entitlements', () => {
  const view = viewOf(pki, [
    { name: 'z/last', spiffeId: `${td}/last`, selectors: ['unix:uid:1'] },
    { name: 'a/first', spiffeId: `${td}/first`, selectors: ['unix:uid:1', 'unix:gid:2'] },
    { name: 'b/same', spiffeId: `${td}/first`, selectors: ['unix:gid:2'] },
    { name: 'c/other', spiffeId: `${td}/other`, selectors: ['unix:uid:1', 'unix:path:/x'] },
  ]);
  const all = new Entitlements(view);
  const names = (...texts: string[]) => all.of(texts.map(parseSelector)).map(({ name }) => name);

  it('are those whose every selector is shown, by name, each identity once', () => {
    expect(names('unix:uid:1', 'unix:gid:2')).toEqual(['a/first', 'z/last']);
    expect(names('unix:gid:2')).toEqual(['b/same']);
    expect(names('unix:uid:9')).toEqual([]);
    expect(names()).toEqual([]);
  });

  it('name what came nearest', () => {
    const near = all.nearest(['unix:uid:7', 'unix:path:/x'].map(parseSelector));
    expect(near).toMatchObject({ registration: { name: 'c/other' }, missing: ['unix:uid:1'] });
  });

  it('leave out identities that are denied', () => {
    const denied = new Entitlements({
      ...view,
      revocations: { ...view.revocations, deniedSpiffeIds: new Set([`${td}/last`]) },
    });
    expect(denied.of([parseSelector('unix:uid:1')])).toEqual([]);
  });

  it('are found among ten thousand without looking at each', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => ({
      name: `r/${i}`,
      spiffeId: `${td}/w${i}`,
      selectors: ['unix:uid:1', `unix:path:/bin/w${i}`],
    }));
    const index = new Entitlements(viewOf(pki, many));
    let looked = 0;
    const counting = new Proxy([parseSelector('unix:uid:1'), parseSelector('unix:path:/bin/w77')], {
      get: (target, key) => {
        if (key === 'map') looked++;
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(index.of(counting).map(({ name }) => name)).toEqual(['r/77']);
    expect(looked).toBeLessThan(10);
  });
});

describe('what the server tells', () => {
  const full = updateOf(pki, [{ name: 'a', spiffeId: `${td}/a`, selectors: ['unix:uid:1'] }]);

  it('replaces part by part, and everything when it is full', () => {
    const first = applyUpdate(undefined, full).view;
    const partial = { ...full, revision: '2', isFull: false, registrations: [], bundles: undefined };
    const second = applyUpdate(first, partial).view;
    expect([second.registrations, second.bundles === first.bundles]).toEqual([[], true]);
    const third = applyUpdate(second, { ...full, revision: '3', registrations: undefined }).view;
    expect(third.registrations).toEqual([]);
  });

  it.each([
    ['a first answer that is not full', undefined, { isFull: false }],
    ['no bundle', undefined, { bundles: [] }],
    ['a bundle without roots', undefined, { bundles: [{ ...full.bundles?.[0], rootsDer: [] }] }],
    [
      'a bundle that cannot be read',
      undefined,
      { bundles: [{ ...full.bundles?.[0], rootsDer: [Uint8Array.of(1)] }] },
    ],
    ['another trust domain', full, { bundles: [{ ...full.bundles?.[0], trustDomain: 'evil.example' }] }],
  ])('is refused whole when it has %s', (_what, before, change) => {
    const view = before === undefined ? undefined : applyUpdate(undefined, before).view;
    expect(() => applyUpdate(view, { ...full, ...(change as object) })).toThrow(
      expect.objectContaining({ code: 'SERVER_ANSWER_REFUSED' }),
    );
  });

  it.each([
    ['/castellan', `${td}/castellan/agent/join_token/x`, ['unix:uid:1']],
    ['another trust domain', 'spiffe://other.example/x', ['unix:uid:1']],
    ['everybody', `${td}/all`, []],
    ['nonsense', 'nonsense', ['unix:uid:1']],
  ])(
    'makes nobody an identity under %s: that registration does not count, others do',
    (_what, spiffeId, selectors) => {
      const bad = { name: 'bad', spiffeId, selectors };
      const update = updateOf(pki, [
        bad,
        { name: 'good', spiffeId: `${td}/good`, selectors: ['unix:uid:1'] },
      ]);
      const { view, leftOut } = applyUpdate(undefined, update);
      expect(view.registrations.map(({ name }) => name)).toEqual(['good']);
      expect(leftOut).toHaveLength(1);
    },
  );
});

describe('attestation', () => {
  const selectors = [parseSelector('unix:uid:1')];
  const peerWith = (alive: readonly boolean[]): WorkloadPeer => {
    const answers = [...alive];
    return { pid: 7, uid: 1, gid: 1, groups: [], isAlive: () => answers.shift() ?? false };
  };
  const unix = { name: 'unix', attest: async () => selectors };
  const failing = { name: 'other', attest: () => Promise.reject(new Error('no')) };

  it('counts only when the process was the same before and after (adv:N11)', async () => {
    const logger = new FakeLogger();
    expect(await attestWorkload([unix], peerWith([true, true]), logger)).toEqual(selectors);
    for (const peer of [peerWith([false]), peerWith([true, false]), undefined])
      await expect(attestWorkload([unix], peer, logger)).rejects.toMatchObject({
        code: 'WORKLOAD_NOT_ATTESTED',
      });
  });

  it('goes on without an attestor that fails, and says nothing when all do', async () => {
    const logger = new FakeLogger();
    expect(await attestWorkload([failing, unix], peerWith([true, true]), logger)).toEqual(selectors);
    expect(logger.lines).toHaveLength(1);
    await expect(attestWorkload([failing], peerWith([true, true]), logger)).rejects.toMatchObject({
      code: 'WORKLOAD_NOT_ATTESTED',
    });
  });
});

describe('reports', () => {
  const told = (refused: string, wantedKeySets: readonly string[] = []) => ({
    refused,
    policyRevision: '',
    wantedKeySets,
  });
  const svid = (serial: string, spiffeId = `${td}/w`) =>
    ({ serial, spiffeId: { uri: spiffeId }, issuerKeyId: 'aa', notAfter: 5 }) as unknown as WorkloadSvid;

  it('tell what changed since the last, in messages of bounded size', () => {
    const sent: NodeReport[] = [];
    const reports = new NodeReports({ report: (one) => sent.push(one), [Symbol.dispose]: () => undefined });
    const view = viewOf(pki, []);
    reports.tell(view, told(''), [svid('1'), svid('2')]);
    reports.tell(view, told('no'), [svid('2'), svid('3')]);
    expect(
      sent.map(({ began, endedSerials, refused }) => [began.map((b) => b.serial), endedSerials, refused]),
    ).toEqual([
      [['1', '2'], [], ''],
      [['3'], ['1'], 'no'],
    ]);
    const long = `${td}/${'x'.repeat(1_900)}`;
    reports.tell(
      view,
      told('', ['https://issuer.example/keys']),
      Array.from({ length: 100 }, (_, i) => svid(`s${i}`, long)),
    );
    const later = sent.slice(2);
    expect(later.length).toBeGreaterThan(4);
    for (const { began } of later) expect(began.length * 2_000).toBeLessThan(64 * 1024);
    expect(later.flatMap(({ began }) => began)).toHaveLength(100);
    expect(later.flatMap(({ wantedKeySets }) => wantedKeySets)).toEqual(['https://issuer.example/keys']);
  });
});

describe('the ring of refusals', () => {
  it('keeps the newest', () => {
    const ring = new RefusalRing(2);
    for (const requestId of ['a', 'b', 'c'])
      ring.note({ requestId, at: new FakeClock().now(), code: 'X', detail: '', evidence: {} });
    expect(['a', 'b', 'c'].map((id) => ring.find(id)?.requestId)).toEqual([undefined, 'b', 'c']);
  });
});
