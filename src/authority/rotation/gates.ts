import type { AuthorityRole } from '../slot.ts';
import type {
  Blocker,
  BundleReader,
  Gate,
  RotatingKey,
  RotationObservations,
  RotationOrder,
  RotationRules,
} from './model.ts';
import { skewOf } from './thresholds.ts';

export interface GateInput {
  readonly role: AuthorityRole;
  readonly key: RotatingKey;
  readonly order: RotationOrder | undefined;
  readonly now: number;
  readonly observations: RotationObservations;
  readonly rules: RotationRules;
}

const openGate: Gate = { isOpen: true, opensAt: undefined, blockers: [], silent: [] };

/**
 * May `key` begin to sign? When everyone who reports holds a bundle with it, and those who never report have had time:
 * for roots a whole leaf lifetime and the end of every certificate that is older than its publication, since a CSR
 * client knows the roots of its last chain only; for JWT keys five times the refresh hint (F-13).
 */
export function activationGate(input: GateInput): Gate {
  const { role, key, order, now, observations, rules } = input;
  if (role === 'intermediate') return openGate;
  const { published } = key;
  if (published === undefined)
    return blocked([{ kind: 'time', name: 'the trust bundle', why: 'does not hold it yet', since: now }], []);
  const leftBehind = new Set(order?.leftBehind ?? []);
  const { counted, silent } = sortReaders(observations.readers, { now, rules });
  const late = counted
    .filter(({ sequence, name }) => sequence < published.sequence && !leftBehind.has(name))
    .map(
      ({ kind, name, sequence, since }): Blocker => ({
        kind,
        name,
        why: `holds bundle ${sequence}, not yet ${published.sequence}`,
        since: Math.max(since, published.at),
      }),
    );
  const earliest = published.at + timeToLearn(role, rules);
  const times: Blocker[] =
    now < earliest
      ? [
          {
            kind: 'time',
            name: 'readers that do not report',
            why: 'are given time to learn the new bundle',
            since: published.at,
            until: earliest,
          },
        ]
      : [];
  const certificates = role === 'root' ? uninformed(input, leftBehind) : [];
  return blocked([...late, ...certificates, ...times], silent);
}

function uninformed({ key, now, observations, rules }: GateInput, leftBehind: ReadonlySet<string>) {
  return observations.uninformed
    .map(({ name, until }) => ({ name, until: until + skewOf(rules) }))
    .filter(({ name, until }) => until > now && !leftBehind.has(name))
    .map(
      ({ name, until }): Blocker => ({
        kind: 'certificate',
        name,
        why: 'has a certificate from before the new root was published',
        since: key.published?.at ?? now,
        until,
      }),
    );
}

/** May `key`, which stepped down, leave the bundle? When the last thing that it signed has ended, plus skew. */
export function retirementGate(input: GateInput): Gate {
  const { key, now, rules } = input;
  const opensAt = retiresAt(input);
  if (now >= opensAt) return openGate;
  return blocked(
    [
      {
        kind: 'time',
        name: key.role === 'jwt' ? 'tokens' : 'certificates',
        why: `${key.role === 'jwt' ? 'may live' : 'live'} that it signed`,
        since: key.steppedDownAt ?? now,
        until: opensAt,
      },
    ],
    sortReaders([], { now, rules }).silent,
  );
}

export function retiresAt({ role, key, observations, rules }: Omit<GateInput, 'now' | 'order'>): number {
  const skew = skewOf(rules);
  const steppedDownAt = key.steppedDownAt ?? key.notBefore;
  if (role === 'intermediate') return key.notAfter + skew;
  const longest = role === 'jwt' ? rules.longestToken : rules.longestLeaf;
  const known = role === 'root' ? observations.lastEnds.get(key.id) : undefined;
  const last = known === undefined ? steppedDownAt + longest : Math.max(known, steppedDownAt);
  return Math.min(last, key.notAfter) + skew;
}

/** Readers that were heard of within a lifetime count; the others have lost their own credential by now. */
export function sortReaders(
  readers: readonly BundleReader[],
  { now, rules }: { now: number; rules: Pick<RotationRules, 'leafLifetime'> },
): { counted: readonly BundleReader[]; silent: readonly BundleReader[] } {
  const isSilent = ({ reportedAt, silentAfter = rules.leafLifetime }: BundleReader) =>
    now - reportedAt > silentAfter;
  return { counted: readers.filter((reader) => !isSilent(reader)), silent: readers.filter(isSilent) };
}

function blocked(blockers: readonly Blocker[], silent: readonly BundleReader[]): Gate {
  if (blockers.length === 0) return { ...openGate, silent };
  const ends = blockers.map(({ until }) => until);
  const opensAt = ends.every((end) => end !== undefined) ? Math.max(...(ends as number[])) : undefined;
  return { isOpen: false, opensAt, blockers, silent };
}

/** How long those that do not report are given: five times the refresh hint, for roots at least a leaf lifetime. */
export function timeToLearn(role: AuthorityRole, rules: RotationRules): number {
  return Math.max(role === 'root' ? rules.leafLifetime : 0, 5 * rules.refreshHint);
}
