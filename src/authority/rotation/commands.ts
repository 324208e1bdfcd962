import type { AuthorityRole } from '../slot.ts';
import { activationGate, retirementGate } from './gates.ts';
import { lineOf, preparedUnder, withBelow } from './lines.ts';
import type { Gate, RotatingKey, RotationAction, RotationOrder } from './model.ts';
import { activation, type RotationView } from './step.ts';
import { dueTimes } from './thresholds.ts';

/** What an operator's wish comes to: a step, a gate that is closed, or nothing to do. */
export type Commanded =
  | { readonly kind: 'step'; readonly action: RotationAction }
  | { readonly kind: 'closed'; readonly gate: Gate }
  | { readonly kind: 'nothing' };

const nothing: Commanded = { kind: 'nothing' };
const toStep = (action: RotationAction): Commanded => ({ kind: 'step', action });

/** One phase on: prepare, publish, activate when its gate is open, retire when nothing of the old one lives. */
export function commandNext(role: AuthorityRole, view: RotationView): Commanded {
  const { state, now, observations, rules } = view;
  const { active, next, old } = lineOf(state, role);
  const order = state.orders[role];
  if (active === undefined) return nothing;
  const gateInput = { role, order, now, observations, rules };
  if (next !== undefined) {
    if (role !== 'intermediate' && next.published === undefined)
      return toStep({ kind: 'publish', role, name: next.name });
    const gate = activationGate({ ...gateInput, key: next });
    return gate.isOpen || now >= active.notAfter
      ? toStep(activation(role, next, view))
      : { kind: 'closed', gate };
  }
  const leaving = role === 'intermediate' ? undefined : old.at(-1);
  if (leaving !== undefined) {
    const gate = retirementGate({ ...gateInput, key: leaving });
    return gate.isOpen
      ? toStep({ kind: 'retire', role, names: withBelow(state, leaving) })
      : { kind: 'closed', gate };
  }
  return toStep({ kind: 'prepare', role });
}

/**
 * The last step taken back: a successor that does not sign is withdrawn; after activation the one before signs again,
 * which everybody still trusts. Past retirement there is none to go back to.
 */
export function commandRollback(role: AuthorityRole, view: RotationView): Commanded {
  const { state, now, rules } = view;
  const { active, next, old } = lineOf(state, role);
  if (next !== undefined) return toStep({ kind: 'retire', role, names: withBelow(state, next) });
  const before = old.find((key) => isFit(key, now));
  if (active === undefined || before === undefined) return nothing;
  if (role !== 'root' || !rules.hasIntermediate)
    return toStep({ kind: 'activate', role, names: [before.name] });
  const below = intermediateUnder(before, view);
  return toStep(
    below === undefined
      ? { kind: 'prepare', role: 'intermediate', underRoot: before.name }
      : { kind: 'activate', role, names: [before.name, below.name] },
  );
}

function isFit(key: RotatingKey, now: number): boolean {
  return (
    key.taint === undefined && key.revoked === undefined && key.keyDestroyed !== true && now < key.notAfter
  );
}

/** The newest intermediate under a root that can sign for a while yet. */
function intermediateUnder(root: RotatingKey, view: RotationView): RotatingKey | undefined {
  const { state, now, rules } = view;
  const prepared = preparedUnder(state, root.id);
  if (prepared !== undefined && isFit(prepared, now)) return prepared;
  return state.keys.findLast(
    (key) =>
      key.role === 'intermediate' &&
      key.state === 'old' &&
      key.issuerId === root.id &&
      isFit(key, now) &&
      now < dueTimes('intermediate', key, rules).activateAt,
  );
}

/** After a rollback nothing may begin anew by itself at once: the order pauses what the thresholds would do. */
export function orderAfterRollback(role: AuthorityRole, view: RotationView): RotationOrder | undefined {
  const { active } = lineOf(view.state, role);
  if (active === undefined || view.now < dueTimes(role, active, view.rules).prepareAt) return undefined;
  return {
    startedAt: view.now,
    reason: 'paused by a rollback',
    mode: 'scheduled',
    isPaused: true,
    leftBehind: [],
  };
}
