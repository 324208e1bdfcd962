import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  cart,
  type FakePorts,
  fakePorts,
  issueCart,
  newAuthority,
  openssl,
  selfManaged,
  validateIssuance,
  withDirectory,
} from '../../test/support/authority.ts';
import { days, hours, minutes } from '../base/duration.ts';
import { jwtSvidProfile, parseKeySet, verifyJwt } from '../jwt/index.ts';
import { jwtKeySetOf } from '../spiffe/index.ts';
import { formatCrlPem } from '../x509/index.ts';
import type { Authority } from './authority.ts';
import { initialiseAuthority, openAuthority } from './open-authority.ts';
import type { RotationObserver } from './ports-rotation.ts';
import type { BundleReader } from './rotation/model.ts';

/** What is on record, and who reports: told by the test. */
class World implements RotationObserver {
  agents: BundleReader[] = [];
  lastEnd = 0;

  async readers() {
    return this.agents;
  }

  async holdersIssuedBefore() {
    return [];
  }

  async lastEndSignedBy() {
    return this.lastEnd;
  }
}

async function observed() {
  const ports = { ...fakePorts(), observer: new World() };
  await initialiseAuthority(ports, selfManaged);
  return { ports, authority: await openAuthority(ports, selfManaged) };
}

const wish = (role: 'root' | 'intermediate' | 'jwt', leaveBehind: readonly string[] = []) => ({
  role,
  reason: 'a test',
  leaveBehind,
});

async function expectAtWork(authority: Authority, ports: Pick<FakePorts, 'clock'>) {
  const issuance = await issueCart(authority);
  expect(validateIssuance(issuance, authority, ports.clock.now()).ok).toBe(true);
  const { token } = await authority.mintJwtSvid({ spiffeId: cart, audiences: ['db'], ttlSeconds: 0 });
  const keys = parseKeySet(jwtKeySetOf(authority.bundle()), { source: 'remote', use: 'jwt-svid' });
  const verdict = await verifyJwt(token, keys, jwtSvidProfile({ audiences: ['db'] }), ports.clock.now());
  expect(verdict.ok).toBe(true);
}

describe('the root of an authority', () => {
  it('rotates from end to end while every certificate stays valid (adv:S20)', async () => {
    const { authority, ports } = await observed();
    const [before] = authority.roots();
    const early = await issueCart(authority);
    await authority.rotation.start(wish('root'));
    expect(authority.roots()).toHaveLength(2);
    expect(authority.bundle().sequence).toBe(2n);
    const between = await issueCart(authority);
    expect(between.issuerKeyId).toBe(early.issuerKeyId);
    expect(between.chainPem.at(-1)).toBe(authority.rootsPem());
    await ports.clock.advance(hours(24.1));
    const late = await issueCart(authority);
    expect(late.issuerKeyId).not.toBe(early.issuerKeyId);
    expect(validateIssuance(between, authority, ports.clock.now() - hours(1)).ok).toBe(true);
    expect(validateIssuance(late, authority, ports.clock.now()).ok).toBe(true);
    ports.observer.lastEnd = ports.clock.now() + hours(20);
    await ports.clock.advance(hours(21));
    expect(authority.roots()).toHaveLength(1);
    expect(authority.roots()[0]?.sha256).not.toBe(before?.sha256);
    expect(authority.bundle().sequence).toBe(3n);
    expect(ports.keys.keys.has('root-1')).toBe(false);
    await expectAtWork(authority, ports);
    expect(validateIssuance(late, authority, ports.clock.now()).ok).toBe(true);
  });

  it('is left with what it knew at a stop after any step, and goes on from there (adv:S19)', async () => {
    for (let stop = 1; ; stop++) {
      const ports = { ...fakePorts(`rotation ${stop}`), observer: new World() };
      await initialiseAuthority(ports, selfManaged);
      let steps = 0;
      const failpoint = () => {
        if (++steps >= stop) throw new Error('the machine stops');
      };
      const rotate = async () => {
        const authority = await openAuthority(ports, selfManaged);
        await authority.rotation.start(wish('root'));
        await ports.clock.advance(hours(25));
        await ports.clock.advance(minutes(30));
        const { lines } = await authority.rotation.status();
        await authority[Symbol.asyncDispose]();
        return lines[0]?.active?.name;
      };
      ports.keys.failpoint = failpoint;
      ports.journal.failpoint = failpoint;
      const first = await rotate().catch(() => undefined);
      const isWhole = steps < stop;
      ports.keys.failpoint = () => undefined;
      ports.journal.failpoint = () => undefined;
      const resumed = await openAuthority(ports, selfManaged);
      await expectAtWork(resumed, ports);
      const { lines } = await resumed.rotation.status();
      // A stop before the order was written down leaves the root that was there; any later one ends with another.
      await ports.clock.advance(hours(25));
      await ports.clock.advance(minutes(30));
      await expectAtWork(resumed, ports);
      const named = [...ports.keys.keys.keys()].filter((name) => name.startsWith('root-'));
      const journal = JSON.parse(ports.journal.text ?? '') as { slots: { name: string; role: string }[] };
      expect(named.sort()).toEqual(
        journal.slots.filter(({ role }) => role === 'root').map(({ name }) => name),
      );
      expect(resumed.roots()).toHaveLength(1);
      expect(lines[0]?.role).toBe('root');
      await resumed[Symbol.asyncDispose]();
      if (isWhole) {
        expect(first).not.toBe('root-1');
        break;
      }
    }
  }, 120_000);

  it('is refused its next phase with the names of those who hold it up, until they are left behind (adv:S20)', async () => {
    const { authority, ports } = await observed();
    const { rotation } = authority;
    await rotation.next(wish('root'));
    expect(authority.roots()).toHaveLength(1);
    await rotation.next(wish('root'));
    expect(authority.roots()).toHaveLength(2);
    await ports.clock.advance(hours(25));
    const now = ports.clock.now();
    ports.observer.agents = [
      { kind: 'agent', name: 'node-7', sequence: 1n, since: now - hours(20), reportedAt: now },
    ];
    await expect(rotation.next(wish('root'))).rejects.toMatchObject({
      code: 'ROTATION_GATE_CLOSED',
      message: 'the next step has to wait: node-7 holds bundle 1, not yet 2',
    });
    const { lines } = await rotation.status();
    expect(lines[0]?.phases[2]?.gate?.blockers).toMatchObject([{ name: 'node-7', kind: 'agent' }]);
    await rotation.next(wish('root', ['node-7']));
    expect((await rotation.status()).lines[0]?.phase).toBe('activated');
    await expectAtWork(authority, ports);
  });

  it('comes back by a rollback until the old one is retired, and not after', async () => {
    const { authority, ports } = await observed();
    const { rotation } = authority;
    const before = authority.status().issuerId;
    await expect(rotation.rollback(wish('root'))).rejects.toMatchObject({ code: 'ROTATION_PAST_ROLLBACK' });
    await rotation.start(wish('root'));
    await rotation.rollback(wish('root'));
    expect(authority.roots()).toHaveLength(1);
    expect(authority.bundle().sequence).toBe(3n);
    await rotation.force(wish('root'));
    expect(authority.status().issuerId).not.toBe(before);
    ports.observer.lastEnd = ports.clock.now() + hours(24);
    await rotation.rollback(wish('root'));
    expect(authority.status().issuerId).toBe(before);
    expect(authority.roots()).toHaveLength(2);
    await expectAtWork(authority, ports);
    await ports.clock.advance(hours(26));
    expect(authority.roots()).toHaveLength(1);
    await expect(rotation.rollback(wish('root'))).rejects.toMatchObject({ code: 'ROTATION_PAST_ROLLBACK' });
  });

  it('stands still while it is paused, and goes on when resumed', async () => {
    const { authority, ports } = await observed();
    const { rotation } = authority;
    await rotation.start(wish('root'));
    await rotation.pause(wish('root'));
    await ports.clock.advance(days(3));
    expect((await rotation.status()).lines[0]).toMatchObject({
      phase: 'published',
      order: { isPaused: true },
    });
    await rotation.resume(wish('root'));
    await authority.checkNow();
    expect((await rotation.status()).lines[0]?.phase).toBe('activated');
    await expect(rotation.resume(wish('root'))).rejects.toMatchObject({ code: 'ROTATION_NOTHING_TO_DO' });
  });

  it('that has ended is replaced at the next start: the authority stands up again', async () => {
    const { authority, ports } = await observed();
    await authority[Symbol.asyncDispose]();
    ports.clock.jumpWall(days(4000));
    const later = await openAuthority(ports, selfManaged);
    expect(later.status().ready).toBe(true);
    await expectAtWork(later, ports);
  });
});

describe('an emergency', () => {
  const activeId = async (authority: Authority, index: number) => {
    const { lines } = await authority.rotation.status();
    const id = lines[index]?.active?.id;
    if (id === undefined) throw new Error('nothing signs');
    return id;
  };

  it('a tainted intermediate is replaced at once, and named for whoever holds its certificates', async () => {
    const { authority, ports } = await observed();
    const old = await issueCart(authority);
    const id = await activeId(authority, 1);
    const reach = await authority.rotation.taint(id, 'a laptop was lost');
    expect(reach).toMatchObject({ signs: true, key: { role: 'intermediate' } });
    expect(authority.status().issuerId).not.toBe(id);
    expect(authority.verdicts()).toEqual({ tainted: [id], revoked: [] });
    expect(validateIssuance(old, authority, ports.clock.now()).ok).toBe(true);
    await expectAtWork(authority, ports);
  });

  it('a tainted root is named when another signs, with everything under it', async () => {
    const { authority, ports } = await observed();
    const id = await activeId(authority, 0);
    const below = await activeId(authority, 1);
    ports.observer.lastEnd = ports.clock.now() + hours(48);
    await authority.rotation.taint(id, 'the safe was open');
    expect(authority.roots()).toHaveLength(2);
    expect(authority.verdicts().tainted).toEqual([]);
    await ports.clock.advance(hours(25));
    expect([...authority.verdicts().tainted].sort()).toEqual([id, below].sort());
  });

  it('what a revoked intermediate signed counts no more, at once; another signs', async () => {
    const { authority, ports } = await observed();
    const old = await issueCart(authority);
    const id = await activeId(authority, 1);
    await authority.rotation.revoke(id, 'its key was published');
    expect(authority.status().issuerId).not.toBe(id);
    expect(authority.verdicts().revoked).toEqual([id]);
    expect(validateIssuance(old, authority, ports.clock.now())).toMatchObject({
      ok: false,
      reason: 'revoked',
    });
    expect(ports.keys.keys.size).toBe(4);
    await expectAtWork(authority, ports);
    await ports.clock.advance(days(31));
    expect(authority.verdicts().revoked).toEqual([]);
  });

  it('a root or JWT key that signs is not revoked before another does; then it leaves the bundle at once', async () => {
    const { authority, ports } = await observed();
    for (const [index, role] of [
      [0, 'root'],
      [2, 'jwt'],
    ] as const) {
      const id = await activeId(authority, index);
      await expect(authority.rotation.revoke(id, 'leak')).rejects.toMatchObject({
        code: 'AUTHORITY_STILL_SIGNS',
      });
      const old = await issueCart(authority);
      const before = authority.bundle().sequence;
      await authority.rotation.force(wish(role));
      await authority.rotation.revoke(id, 'leak');
      expect(authority.bundle().sequence).toBe(before + 2n);
      if (role === 'root')
        expect(validateIssuance(old, authority, ports.clock.now())).toMatchObject({ ok: false });
      await expectAtWork(authority, ports);
    }
    expect(authority.roots()).toHaveLength(1);
    expect(authority.bundle().jwtKeys).toHaveLength(1);
    await expect(authority.rotation.taint('00ff', 'x')).rejects.toMatchObject({ code: 'AUTHORITY_UNKNOWN' });
  });
});

describe('a root whose key is lost', () => {
  it('stops the start, until an operator says so: then the intermediate signs and another root takes over', async () => {
    const { authority, ports } = await observed();
    await authority[Symbol.asyncDispose]();
    ports.keys.keys.delete('root-1');
    await expect(openAuthority(ports, selfManaged)).rejects.toMatchObject({ code: 'AUTHORITY_KEY_MISSING' });
    const { hierarchy } = selfManaged;
    if (hierarchy.kind !== 'self-managed') throw new Error('not ours');
    const told = await openAuthority(ports, {
      ...selfManaged,
      hierarchy: { ...hierarchy, rootKeyLost: true },
    });
    await expectAtWork(told, ports);
    expect(told.roots()).toHaveLength(2);
    await told[Symbol.asyncDispose]();
    // It is remembered: the next start needs no word of it.
    const later = await openAuthority(ports, selfManaged);
    await ports.clock.advance(hours(26));
    expect(later.roots()).toHaveLength(1);
    await expectAtWork(later, ports);
    expect(later.status().alarms).toEqual([]);
  });
});

describe('revocation lists', () => {
  const listed = async (authority: Authority) => {
    const issuance = await issueCart(authority);
    const leaf = {
      issuerKeyId: issuance.issuerKeyId,
      serial: issuance.serial,
      revokedAt: issuance.notBefore,
    };
    return { issuance, leaf };
  };

  it('there are none before something is revoked, then one of every issuer, numbered, and cleared they say nothing', async () => {
    const { authority, ports } = await observed();
    const { issuance, leaf } = await listed(authority);
    const now = () => ports.clock.now();
    let told = 0;
    authority.onCrlChange(() => told++);
    expect([authority.crls(), authority.revocationLists()]).toEqual([[], []]);
    await authority.setRevokedLeaves([leaf]);
    expect(told).toBe(1);
    const lists = authority.revocationLists();
    expect(lists.map(({ crl }) => [crl.number, crl.size])).toEqual([
      [1n, 0],
      [1n, 1],
    ]);
    expect(lists.every(({ crl }) => crl.isCurrent(now()))).toBe(true);
    expect(validateIssuance(issuance, authority, now())).toMatchObject({ ok: false, reason: 'revoked' });
    await authority.setRevokedLeaves([leaf]);
    expect(authority.revocationLists()).toBe(lists);
    await authority.setRevokedLeaves([]);
    expect(authority.crls()).toEqual([]);
    expect(authority.revocationLists().map(({ crl }) => [crl.number, crl.size])).toEqual([
      [2n, 0],
      [2n, 0],
    ]);
    expect(validateIssuance(issuance, authority, now()).ok).toBe(true);
  });

  it('are made anew before their time is over, and count on after a restart', async () => {
    const { authority, ports } = await observed();
    const { leaf } = await listed(authority);
    await authority.setRevokedLeaves([leaf]);
    for (let day = 0; day < 4; day++) {
      await ports.clock.advance(days(1));
      expect(authority.crls().every((crl) => crl.isCurrent(ports.clock.now()))).toBe(true);
    }
    const number = authority.crls()[0]?.number ?? 0n;
    expect(number).toBeGreaterThan(2n);
    await authority[Symbol.asyncDispose]();
    const later = await openAuthority(ports, selfManaged);
    await later.setRevokedLeaves([leaf]);
    expect(later.crls()[0]?.number).toBeGreaterThan(number);
  });

  it('openssl reads them and refuses what they list', async () => {
    const { authority, ports } = await observed();
    const { issuance, leaf } = await listed(authority);
    await authority.setRevokedLeaves([leaf]);
    withDirectory((directory) => {
      const [leafPem = '', middle = '', roots = ''] = issuance.chainPem;
      writeFileSync(join(directory, 'leaf.pem'), leafPem);
      writeFileSync(join(directory, 'middle.pem'), middle);
      writeFileSync(join(directory, 'roots.pem'), roots);
      const pem = authority.crls().map(({ der }) => formatCrlPem(der));
      writeFileSync(join(directory, 'crl.pem'), pem.join(''));
      const at = Math.floor(ports.clock.now() / 1000).toString();
      const args = [
        'verify',
        '-crl_check_all',
        '-attime',
        at,
        '-CAfile',
        'roots.pem',
        '-untrusted',
        'middle.pem',
      ];
      expect(() => openssl([...args, '-CRLfile', 'crl.pem', 'leaf.pem'], directory)).toThrow(
        /certificate revoked/,
      );
      const text = openssl(['crl', '-in', 'crl.pem', '-noout', '-text'], directory);
      expect(text).toMatch(/Version 2 \(0x1\)/);
      expect(text).toMatch(/X509v3 CRL Number:/);
    });
  });
});

describe('two servers on one journal', () => {
  it('never both act: the one that was overtaken is refused (adv:S20)', async () => {
    const { authority, ports } = await newAuthority();
    const other = await openAuthority(ports, selfManaged);
    await other.rotation.force(wish('root'));
    await expect(authority.rotation.force(wish('root'))).rejects.toMatchObject({
      code: 'AUTHORITY_JOURNAL_TAKEN',
    });
  });
});
