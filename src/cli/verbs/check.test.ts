import { describe, expect, it } from 'vitest';
import type { RootJson, StatusJson } from '../client/types.ts';
import { judgeRoots, judgeStatus } from './check.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const iso = (ms: number) => new Date(ms).toISOString();
const day = 86_400_000;

function root(from: number, until: number, more: Partial<RootJson> = {}): RootJson {
  return {
    role: 'root',
    state: 'active',
    authorityId: 'aa',
    serial: '01',
    fingerprint: 'ab'.repeat(32),
    notBefore: iso(now + from),
    notAfter: iso(now + until),
    ...more,
  };
}

const levels = (roots: readonly RootJson[], within?: number) =>
  judgeRoots(roots, now, within).map(({ level }) => level);

describe('check', () => {
  it('warns of an authority at a fifth of its life, not at a fixed number of days', () => {
    expect(levels([root(-90 * day, 10 * day)])).toEqual(['warning']);
    expect(levels([root(-1 * day, 3 * day)])).toEqual(['ok']);
  });

  it('does not nag about one that renews itself, but does say when it has ended', () => {
    expect(levels([root(-90 * day, 10 * day, { renewsAt: iso(now) })])).toEqual(['ok']);
    expect(levels([root(-90 * day, -1, { renewsAt: iso(now) })])).toEqual(['error']);
  });

  it('fails before expiry at a chosen threshold', () => {
    expect(levels([root(-10 * day, 10 * day)], (14 * day) / 1000)).toEqual(['error']);
    expect(levels([root(-10 * day, 20 * day)], (14 * day) / 1000)).toEqual(['ok']);
  });

  it('gives a hint with every line that is not well', () => {
    const status: StatusJson = {
      ready: false,
      checks: [
        { name: 'store', ok: false, reason: 'disk-full' },
        { name: 'signer', ok: true },
      ],
      trustDomain: 'cluster.local',
      authority: 'self-managed',
      serverTime: iso(now + 60_000),
      notices: [{ code: 'KEYS_UNENCRYPTED', message: 'keys are not encrypted', next: 'give a passphrase' }],
      store: { certificates: 0, auditSequence: 0, revision: '0' },
      version: {},
    };
    const lines = judgeStatus(status, now);
    expect(lines.map(({ level }) => level)).toEqual(['error', 'ok', 'warning', 'warning']);
    for (const { level, code, hint } of lines)
      expect(level === 'ok' || (code !== undefined && hint !== undefined)).toBe(true);
  });
});
