import type { RotationLineStatus, RotationPhasePlan } from './rotation/describe.ts';
import { sortReaders } from './rotation/gates.ts';
import type { Blocker, Gate, RotatingKey } from './rotation/model.ts';
import type { RotationView } from './rotation/step.ts';
import type { SigningState } from './signing-state.ts';
import { authorityId } from './slot.ts';

/**
 * The rotation of plugged-in roots as its operator sees it: the steps are theirs (A, then A and B, then B; an exchange
 * is refused), and who does not hold the published roots yet is named.
 */
export function describePluggedRoot(
  state: SigningState,
  view: Pick<RotationView, 'observations' | 'now' | 'rules'>,
): RotationLineStatus {
  const roots = state.authorities.filter(({ role }) => role === 'root');
  const keys = roots.map(
    ({ certificate, state: slotState }): RotatingKey => ({
      name: authorityId(certificate),
      id: authorityId(certificate),
      role: 'root',
      origin: 'plugged',
      state: slotState,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
    }),
  );
  const isStaged = state.roots.length > 1;
  return {
    role: 'root',
    phase: isStaged ? 'published' : 'idle',
    order: undefined,
    active: keys[0],
    next: isStaged ? keys.at(-1) : undefined,
    old: [],
    phases: [
      step('publish', isStaged ? 'done' : 'next', {
        what: 'put the new root beside the old one into the file with the roots; an exchange is refused',
      }),
      step('activate', isStaged ? 'next' : 'later', {
        what: 'one leaf lifetime later, replace signing certificate, key and chain by those under the new root',
        gate: isStaged ? gateOf(state.bundle.sequence, view) : undefined,
      }),
      step('retire', 'later', {
        what: 'one leaf lifetime later, leave the new root alone in the file with the roots',
      }),
    ],
    mustAcknowledge: view.observations.readers,
  };
}

function step(
  phase: RotationPhasePlan['phase'],
  state: RotationPhasePlan['state'],
  { what, gate }: { readonly what: string; readonly gate?: Gate | undefined },
): RotationPhasePlan {
  return { phase, state, at: undefined, earliestAt: undefined, what, gate };
}

function gateOf(
  sequence: bigint,
  { observations, now, rules }: Pick<RotationView, 'observations' | 'now' | 'rules'>,
): Gate {
  const { counted, silent } = sortReaders(observations.readers, { now, rules });
  const blockers = counted
    .filter((reader) => reader.sequence < sequence)
    .map(
      ({ kind, name, sequence: held, since }): Blocker => ({
        kind,
        name,
        why: `holds bundle ${held}, not yet ${sequence}`,
        since: Math.min(since, now),
      }),
    );
  return { isOpen: blockers.length === 0, opensAt: undefined, blockers, silent };
}
