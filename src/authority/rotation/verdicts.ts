import type { RotationState } from './model.ts';

export interface AuthorityVerdicts {
  readonly tainted: readonly string[];
  readonly revoked: readonly string[];
}

/**
 * What holders of certificates must know. A tainted authority is named when another signs in its place, and one under a
 * tainted root when another root does: before that a new certificate would be no better than the old.
 */
export function verdictsOf({ keys }: RotationState): AuthorityVerdicts {
  const active = new Set(keys.filter(({ state }) => state === 'active').map(({ id }) => id));
  const taintedRoots = new Set(
    keys.filter(({ role, taint }) => role === 'root' && taint !== undefined).map(({ id }) => id),
  );
  const revoked = keys.filter((key) => key.revoked !== undefined);
  const tainted = keys.filter(
    ({ id, taint, revoked: verdict, issuerId = '' }) =>
      taint !== undefined &&
      verdict === undefined &&
      !active.has(id) &&
      !(taintedRoots.has(issuerId) && active.has(issuerId)),
  );
  return { tainted: tainted.map(({ id }) => id), revoked: revoked.map(({ id }) => id) };
}
