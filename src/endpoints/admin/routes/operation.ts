import { Readable } from 'node:stream';
import { checkHealth } from '../../../operations/check-health.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const anyValue = { description: 'As the settings file writes it.' };

function statusRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/status',
    role: 'viewer',
    tag: 'operation',
    summary: 'Whether the server is ready, what its authority is doing, and what an operator should look at.',
    schema: {
      answer: s.one('Status', {
        ready: s.flag('Every check is well.'),
        checks: s.list(
          s.closed({ name: s.text('Which check.'), ok: s.flag('It is well.'), reason: s.text('Why not.') }, [
            'reason',
          ]),
        ),
        trustDomain: s.text('The trust domain.'),
        authority: s.text('self-managed or plugged.'),
        serverTime: s.instant('The clock of the server.'),
        notices: s.list(
          s.closed({ code: s.text('Which.'), message: s.text('What.'), next: s.text('What to do.') }),
        ),
        store: s.closed({
          certificates: s.whole('Certificates on record.'),
          auditSequence: s.whole('The newest audit entry.'),
          revision: s.text('The revision of the resources.'),
        }),
        version: { type: 'object', additionalProperties: { type: 'string' } },
      }),
    },
    handle: async () => {
      const { store, authority } = parts;
      const report = await checkHealth(parts.readiness);
      return {
        apiVersion: s.apiVersion,
        kind: 'Status',
        ready: report.ok,
        checks: report.results.map(({ name, health }) => ({ name, ...health })),
        trustDomain: authority.trustDomain,
        authority: authority.status().kind,
        serverTime: s.iso(parts.clock.now()),
        notices: [...parts.notices()],
        store: {
          certificates: await store.issuances.count(),
          auditSequence: store.audit.head().sequence,
          revision: String(store.resources.revision()),
        },
        version: parts.version,
      };
    },
  });
}

function versionRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/version',
    role: 'viewer',
    tag: 'operation',
    summary: 'What is running.',
    schema: { answer: { type: 'object', additionalProperties: { type: 'string' } } },
    handle: () => parts.version,
  });
}

function configRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/config',
    role: 'viewer',
    tag: 'operation',
    summary: 'Every setting with its value and where that came from. Secrets are never among them.',
    schema: {
      answer: s.listOf(
        'Setting',
        s.closed({ name: s.text('Which.'), value: anyValue, origin: s.text('From where.') }, ['value']),
      ),
    },
    handle: () => ({ apiVersion: s.apiVersion, kind: 'SettingList', items: parts.settings }),
  });
}

function backupRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'POST',
    url: '/backups',
    role: 'admin',
    tag: 'operation',
    summary: 'A consistent copy of the database, as bytes.',
    schema: { answer: { type: 'string', format: 'binary' } },
    handle: async ({ operator, reply }) => {
      const copy = await parts.backup(operator);
      return reply
        .type('application/octet-stream')
        .header('content-length', copy.bytes)
        .header('x-castellan-backup-at', s.iso(copy.at))
        .send(Readable.from(copy.content));
    },
  });
}

function clockRoute(parts: AdminParts): AdminRoute {
  return route({
    method: 'POST',
    url: '/clock/accept',
    role: 'admin',
    tag: 'operation',
    summary: 'Confirms that the clock is right although it jumped.',
    schema: { answer: s.one('ClockAcceptance', { accepted: s.flag('Always true.') }) },
    handle: async ({ operator }) => {
      await parts.acceptClock(operator);
      return { apiVersion: s.apiVersion, kind: 'ClockAcceptance', accepted: true };
    },
  });
}

export function operationRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [statusRoute(parts), versionRoute(parts), configRoute(parts), backupRoute(parts), clockRoute(parts)];
}
