import type { Authority, RotationAction, RotationStatus, RotationWish } from '../../authority/index.ts';
import { auditOf, type Operator } from '../operator.ts';
import type { AuditStore } from '../ports/index.ts';

export interface RotateDeps {
  readonly authority: Pick<Authority, 'rotation'>;
  readonly audit: Pick<AuditStore, 'append'>;
}

/** What an operator may ask of a rotation. */
export type RotationVerb = 'next' | 'start' | 'pause' | 'resume' | 'rollback' | 'force';

export interface RotationOutcome {
  readonly steps: readonly RotationAction[];
  readonly status: RotationStatus;
}

/**
 * One wish of an operator. Who wished it is on record before it is carried out, since what follows goes on by itself;
 * a wish that is refused is on record with its refusal.
 */
export async function rotateAuthority(
  deps: RotateDeps,
  operator: Operator,
  { verb, ...wish }: RotationWish & { readonly verb: RotationVerb },
): Promise<RotationOutcome> {
  const { rotation } = deps.authority;
  const detail = { verb, reason: wish.reason, leaveBehind: [...(wish.leaveBehind ?? [])] };
  await deps.audit.append(auditOf(operator, 'authority.order', wish.role, detail));
  try {
    const steps = await carryOut(rotation, verb, wish);
    return { steps, status: await rotation.status() };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const refused = auditOf(operator, 'authority.order', wish.role, { ...detail, why });
    await deps.audit.append({ ...refused, result: 'error' });
    throw error;
  }
}

async function carryOut(
  rotation: Authority['rotation'],
  verb: RotationVerb,
  wish: RotationWish,
): Promise<readonly RotationAction[]> {
  switch (verb) {
    case 'next':
      return rotation.next(wish);
    case 'rollback':
      return rotation.rollback(wish);
    case 'start':
      await rotation.start(wish);
      return [];
    case 'pause':
      await rotation.pause(wish);
      return [];
    case 'resume':
      await rotation.resume(wish);
      return [];
    case 'force':
      await rotation.force(wish);
      return [];
  }
}
