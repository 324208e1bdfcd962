import type { AuthorityRole } from '../slot.ts';
import type { RotatingKey, RotationState } from './model.ts';

/** The keys of one kind, by what they are now. */
export interface Line {
  readonly active: RotatingKey | undefined;
  /** The successor in the making: prepared, published or not. */
  readonly next: RotatingKey | undefined;
  /** What stepped down, newest first. */
  readonly old: readonly RotatingKey[];
  readonly retired: readonly RotatingKey[];
}

/** A prepared intermediate under another root than the active one belongs to the rotation of roots. */
export function lineOf(state: RotationState, role: AuthorityRole): Line {
  const keys = state.keys.filter(
    (key) => key.role === role && key.origin === 'self-managed' && key.id !== '',
  );
  const activeRoot = role === 'intermediate' ? lineOf(state, 'root').active?.id : undefined;
  return {
    active: keys.find((key) => key.state === 'active'),
    next: keys.findLast(
      (key) => key.state === 'prepared' && (activeRoot === undefined || key.issuerId === activeRoot),
    ),
    old: keys.filter((key) => key.state === 'old').reverse(),
    retired: keys.filter((key) => key.state === 'retired'),
  };
}

/** The intermediate that was made to sign under this root and does not sign yet. */
export function preparedUnder(state: RotationState, rootId: string): RotatingKey | undefined {
  return state.keys.findLast(
    (key) => key.role === 'intermediate' && key.state === 'prepared' && key.issuerId === rootId,
  );
}

/** An authority and, of a root, every intermediate that it signed: what goes goes together. */
export function withBelow(state: RotationState, key: RotatingKey): readonly string[] {
  const below = state.keys.filter(
    (other) => key.role === 'root' && other.role === 'intermediate' && other.issuerId === key.id,
  );
  return [key.name, ...below.map(({ name }) => name)];
}

/** Published: in the trust bundle now. */
export function isPublished(key: Pick<RotatingKey, 'role' | 'state' | 'published' | 'revoked'>): boolean {
  return (
    key.role !== 'intermediate' &&
    key.published !== undefined &&
    key.state !== 'retired' &&
    key.revoked === undefined
  );
}
