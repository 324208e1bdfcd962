import { liftRevocation, revoke } from '../../../operations/revoke.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const target = { serial: s.serialText, spiffeId: s.spiffeIdText };
type Target = { serial?: string; spiffeId?: string };

const depsOf = (parts: AdminParts) => ({
  ...parts,
  issuances: parts.store.issuances,
  revocations: parts.store.revocations,
});

function listRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route({
    method: 'GET',
    url: '/revocations',
    role: 'viewer',
    tag: 'revocations',
    summary: 'The deny list.',
    schema: {
      answer: s.listOf(
        'Revocation',
        s.closed(
          { ...target, reason: s.text('Why.'), at: s.instant('Since when.'), actor: s.text('Who did it.') },
          ['serial', 'spiffeId'],
        ),
      ),
    },
    handle: async () => ({
      apiVersion: s.apiVersion,
      kind: 'RevocationList',
      items: (await deps.revocations.list()).map(({ at, ...rest }) => ({ ...rest, at: s.iso(at) })),
    }),
  });
}

function revokeRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route<unknown, unknown, Target & { reason?: string; dryRun?: boolean }>({
    method: 'POST',
    url: '/revocations',
    role: 'admin',
    tag: 'revocations',
    summary: 'Puts a serial or a SPIFFE ID on the deny list; with `dryRun`, says what that would stop.',
    schema: {
      body: s.closed(
        { ...target, reason: s.text('Why.', { maxLength: 512 }), dryRun: s.flag('Change nothing.') },
        ['serial', 'spiffeId', 'reason', 'dryRun'],
      ),
      answer: s.one(
        'RevocationResult',
        {
          ...target,
          applied: s.flag('False for a dry run.'),
          alreadyRevoked: s.flag('It was on the list before.'),
          affected: s.list(
            s.closed({ ...target, notAfter: s.instant('When it would have ended.') }),
            'Valid certificates on record that stop counting.',
          ),
        },
        ['serial', 'spiffeId'],
      ),
    },
    handle: async ({ operator, body }) => {
      const { serial, spiffeId, reason = 'not given', dryRun = false } = body;
      const outcome = await revoke(deps, operator, { serial, spiffeId, reason, dryRun });
      return {
        apiVersion: s.apiVersion,
        kind: 'RevocationResult',
        ...outcome.target,
        applied: outcome.applied,
        alreadyRevoked: outcome.alreadyRevoked,
        affected: outcome.affected.map((record) => ({
          serial: record.serial,
          spiffeId: record.spiffeId,
          notAfter: s.iso(record.notAfter),
        })),
      };
    },
  });
}

function liftRoute(parts: AdminParts): AdminRoute {
  const deps = depsOf(parts);
  return route<unknown, unknown, Target>({
    method: 'POST',
    url: '/revocations/lift',
    role: 'admin',
    tag: 'revocations',
    summary: 'Takes a serial or a SPIFFE ID off the deny list.',
    schema: {
      body: s.closed(target, ['serial', 'spiffeId']),
      answer: s.one('RevocationResult', { ...target, lifted: s.flag('Always true.') }, [
        'serial',
        'spiffeId',
      ]),
    },
    handle: async ({ operator, body }) => {
      await liftRevocation(deps, operator, body);
      return { apiVersion: s.apiVersion, kind: 'RevocationResult', ...body, lifted: true };
    },
  });
}

export function revocationRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), revokeRoute(parts), liftRoute(parts)];
}
