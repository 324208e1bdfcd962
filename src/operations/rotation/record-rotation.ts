import type { Authority, RotationEvent } from '../../authority/index.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type Random, ulid } from '../../base/random.ts';
import type { AuditAction } from '../audit/catalogue.ts';
import type { AuditEvent, AuditStore } from '../ports/index.ts';

export interface RecordRotationDeps {
  readonly authority: Pick<Authority, 'rotation' | 'trustDomain'>;
  readonly audit: Pick<AuditStore, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const actions = {
  prepare: 'authority.prepare',
  publish: 'bundle.publish',
  activate: 'authority.activate',
  retire: 'authority.retire',
  prune: 'authority.prune',
  taint: 'authority.taint',
  revoke: 'authority.revoke',
} as const satisfies Readonly<Record<Exclude<RotationEvent['kind'], 'order'>, AuditAction>>;

const sentences = {
  prepare: 'the next key of the authority was made',
  publish: 'the trust bundle holds the next key as well; nothing is signed with it yet',
  activate: 'the next key of the authority signs from now on',
  retire: 'the old key left the trust bundle',
  prune: 'a key that nothing needs any more was destroyed',
  taint: 'an authority is not to be relied on: what it signed is replaced',
  revoke: 'an authority is revoked: nothing that it signed counts',
} as const;

/** Each durable step of a rotation gets a line in the log and, in the order in which they happened, an audit entry. */
export function recordRotation(deps: RecordRotationDeps): Disposable {
  let last: Promise<unknown> = Promise.resolve();
  return deps.authority.rotation.onEvent((event) => {
    if (event.kind === 'order') return;
    const { kind, role, authorityId, sequence } = event;
    deps.logger.info(sentences[kind], { role, authorityId, sequence: sequence.toString() });
    const entry = entryOf(event, actions[kind], deps);
    last = last
      .then(() => deps.audit.append(entry))
      .catch((error: unknown) =>
        deps.logger.error('a step of a rotation could not be audited', { kind, error: String(error) }),
      );
  });
}

function entryOf(
  { role, authorityId, sequence, detail }: RotationEvent,
  action: AuditAction,
  { authority, clock, random }: RecordRotationDeps,
): AuditEvent {
  return {
    actor: 'castellan',
    actorMethod: 'local',
    action,
    object: action === 'bundle.publish' ? authority.trustDomain : authorityId,
    result: 'success',
    requestId: ulid(clock.now(), random),
    detail: { role, authorityId, sequence: sequence.toString(), ...detail },
  };
}
