import type { JsonRecord } from './audit/canonical.ts';
import type { AuditAction } from './audit/catalogue.ts';
import type { AuditEvent } from './ports/index.ts';

/** What an operator may do: a viewer reads, an admin changes. */
export type OperatorRole = 'viewer' | 'admin';

/** Who works at the admin door. */
export interface Operator {
  /** `local` for the Unix socket, else the name of the token. */
  readonly name: string;
  readonly method: 'local' | 'token';
  readonly role: OperatorRole;
  readonly address?: string | undefined;
  readonly requestId: string;
}

/** The audit event of a verb that an operator called. */
export function auditOf(
  operator: Operator,
  action: AuditAction,
  object: string,
  detail: JsonRecord = {},
): AuditEvent {
  return {
    actor: `operator/${operator.name}`,
    actorMethod: operator.method,
    ...(operator.address === undefined ? {} : { actorAddress: operator.address }),
    action,
    object,
    result: 'success',
    requestId: operator.requestId,
    detail,
  };
}
