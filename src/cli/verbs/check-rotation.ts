import type { RotationJson, RotationLineJson } from '../client/types.ts';
import { formatRelative } from '../frame/times.ts';
import type { CheckLine } from './check-line.ts';

/** JWT keys, which no list of roots shows, and whatever a rotation waits for longer than it should. */
export function judgeRotation(
  { items, verdicts }: RotationJson,
  now: number,
  withinSeconds?: number,
): readonly CheckLine[] {
  return [
    ...items.filter(({ role }) => role === 'jwt').flatMap((line) => judgeJwtKey(line, now, withinSeconds)),
    ...items.flatMap((line) => judgeGate(line, now)),
    ...verdicts.map(
      ({ role, authorityId, tainted, revoked }): CheckLine => ({
        category: 'rotation',
        what: `${role} ${authorityId.slice(0, 8)} is ${revoked === undefined ? `tainted: ${tainted ?? ''}` : `revoked: ${revoked}`}`,
        level: 'warning',
        code: revoked === undefined ? 'AUTHORITY_TAINTED' : 'AUTHORITY_REVOKED',
        hint: 'it is remembered until nothing under it lives',
      }),
    ),
  ];
}

function judgeJwtKey(
  { active, next }: RotationLineJson,
  now: number,
  withinSeconds: number | undefined,
): readonly CheckLine[] {
  if (active === undefined) return [];
  const until = Date.parse(active.notAfter);
  const what = `JWT key ${active.authorityId.slice(0, 8)} ends ${formatRelative(until, now)}`;
  const isDue = withinSeconds !== undefined && until - now <= withinSeconds * 1000;
  if (now <= until && !isDue) return [{ category: 'authority', what, level: 'ok' }];
  const hint =
    next === undefined
      ? 'begin with its successor: castellan rotate start jwt'
      : 'see who its successor waits for: castellan rotate status jwt';
  return [{ category: 'authority', what, level: 'error', code: 'AUTHORITY_EXPIRES', hint }];
}

/** A gate that only a report opens holds a rotation up for as long as nobody looks. */
function judgeGate({ role, isPaused, phases }: RotationLineJson, now: number): readonly CheckLine[] {
  if (isPaused)
    return [
      {
        category: 'rotation',
        what: `the rotation of ${role} is paused`,
        level: 'warning',
        code: 'ROTATION_PAUSED',
        hint: `castellan rotate resume ${role}`,
      },
    ];
  const waiting = phases.find(({ state }) => state === 'next')?.blockers ?? [];
  return waiting
    .filter(({ until }) => until === undefined)
    .map(({ name, why, since }) => ({
      category: 'rotation',
      what: `${role}: ${name} ${why}, since ${formatRelative(Date.parse(since), now)}`,
      level: 'warning',
      code: 'ROTATION_BLOCKED',
      hint: `bring it back, or castellan rotate next ${role} --leave-behind ${name}`,
    }));
}
