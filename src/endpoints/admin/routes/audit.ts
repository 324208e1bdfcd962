import type { AuditEntry } from '../../../operations/ports/index.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

export const auditEntry = s.closed(
  {
    sequence: s.whole('From 1, without gaps.'),
    at: s.instant('When.'),
    actor: s.text('Who.'),
    actorMethod: s.text('How the actor was authenticated.'),
    actorAddress: s.text('From where.'),
    action: s.text('What, from the catalogue of audit events.'),
    object: s.text('To what.'),
    result: s.text('How it ended.', { enum: ['success', 'denied', 'error'] }),
    requestId: s.text('The request it belongs to.'),
    detail: { type: 'object', additionalProperties: true, description: 'More, by action.' },
    instance: s.text('Which server.'),
    epoch: s.whole('Bumped by every restore.'),
    hash: s.text('SHA-256 over this entry and the hash before it.'),
  },
  ['actorAddress'],
);

export function auditJson(entry: AuditEntry) {
  const { sequence, at, actor, actorMethod, actorAddress, action, object } = entry;
  const { result, requestId, detail, instance, epoch, hash } = entry;
  const what = { action, object, result, requestId, detail };
  return { sequence, at: s.iso(at), actor, actorMethod, actorAddress, ...what, instance, epoch, hash };
}

interface AuditListQuery {
  action?: string;
  object?: string;
  requestId?: string;
  since?: string;
  limit?: string;
  cursor?: string;
}

function listRoute({ store, cursors }: AdminParts): AdminRoute {
  return route<unknown, AuditListQuery>({
    method: 'GET',
    url: '/audit',
    role: 'viewer',
    tag: 'audit',
    summary: 'Audit entries, newest first.',
    schema: {
      querystring: s.open({
        action: s.text('Only this action.', { maxLength: 64 }),
        object: s.text('Only about this object.', { maxLength: 2_048 }),
        requestId: s.text('Only of this request.', { maxLength: 64 }),
        since: s.instant('Only from then on.'),
        limit: s.limitNumber,
        cursor: s.cursorText,
      }),
      answer: s.listOf('AuditEntry', auditEntry, { cursor: s.cursorText }),
    },
    handle: async ({ query }) => {
      const { action, object, requestId, since } = query;
      const limit = s.readLimit(query.limit);
      const bound = `audit/${JSON.stringify([action, object, requestId, since])}`;
      const entries = await store.audit.list({
        action,
        object,
        requestId,
        limit,
        since: since === undefined ? undefined : Date.parse(since),
        before: query.cursor === undefined ? undefined : Number(cursors.open(query.cursor, bound)),
      });
      const last = entries.at(-1)?.sequence ?? 1;
      const hasMore = entries.length === limit && last > 1;
      return {
        apiVersion: s.apiVersion,
        kind: 'AuditEntryList',
        ...(hasMore ? { cursor: cursors.seal(String(last), bound) } : {}),
        items: entries.map(auditJson),
      };
    },
  });
}

function verifyRoute({ verifyAudit }: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/audit/verification',
    role: 'viewer',
    tag: 'audit',
    summary: 'Walks the whole chain and compares it with the signed checkpoints.',
    schema: {
      answer: { type: 'object', additionalProperties: true, description: 'The report of the walk.' },
    },
    handle: async () => ({
      apiVersion: s.apiVersion,
      kind: 'AuditVerification',
      ...(await verifyAudit()),
    }),
  });
}

export function auditRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), verifyRoute(parts)];
}
