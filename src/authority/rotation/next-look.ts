import { seconds } from '../../base/duration.ts';
import { activationGate, retiresAt } from './gates.ts';
import { lineOf } from './lines.ts';
import type { RotationView } from './step.ts';
import { dueTimes } from './thresholds.ts';

/** Reports of readers wake the machine up; this is for those that nobody passes on. */
const waitForReports = seconds(10);

/** The next instant at which time alone could make a step due. */
export function nextLookAt({ state, now, observations, rules }: RotationView): number {
  const times: number[] = [];
  for (const role of rules.roles) {
    const { active, next, old } = lineOf(state, role);
    const order = state.orders[role];
    if (active !== undefined) {
      const due = dueTimes(role, active, rules);
      times.push(due.prepareAt, due.activateAt, active.notAfter);
    }
    if (next !== undefined) {
      const gate = activationGate({ role, key: next, order, now, observations, rules });
      if (!gate.isOpen) times.push(gate.opensAt ?? now + waitForReports);
    }
    for (const key of old) times.push(retiresAt({ role, key, observations, rules }));
  }
  const coming = times.filter((at) => at > now);
  return coming.length === 0 ? Number.POSITIVE_INFINITY : Math.min(...coming);
}
