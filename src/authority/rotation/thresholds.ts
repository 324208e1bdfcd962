import { type Duration, days, minutes } from '../../base/duration.ts';
import { issuerRenewalDueAt } from '../lifetime.ts';
import type { AuthorityRole } from '../slot.ts';
import type { RotatingKey, RotationRules } from './model.ts';

/** When a successor is due to be made, and when it is due to sign. */
export interface DueTimes {
  readonly prepareAt: number;
  readonly activateAt: number;
}

/**
 * SPIRE's thresholds where the settings say nothing: prepared half a life but at most 30 days before the end, active a
 * sixth but at most 7 days before it. A root is prepared early enough for the longest leaf to come and go in between.
 * An intermediate needs no distribution: it is made when it is due and signs at once (D4).
 */
export function dueTimes(role: AuthorityRole, key: RotatingKey, rules: RotationRules): DueTimes {
  if (role === 'intermediate') {
    const at = issuerRenewalDueAt(key, rules.leafLifetime);
    return { prepareAt: at, activateAt: at };
  }
  const life = key.notAfter - key.notBefore;
  const { prepareBefore, activateBefore } = rules.thresholds[role] ?? {};
  const activate = activateBefore ?? Math.min(life / 6, days(7));
  const wanted = role === 'root' ? Math.max(days(30), activate + rules.longestLeaf) : days(30);
  const prepare = Math.max(prepareBefore ?? Math.min(life / 2, wanted), activate);
  return { prepareAt: key.notAfter - prepare, activateAt: key.notAfter - activate };
}

/** How far clocks may be apart: ten minutes, less where everything is short-lived. */
export function skewOf(rules: RotationRules): Duration {
  return Math.min(minutes(10), rules.leafLifetime / 10) as Duration;
}
