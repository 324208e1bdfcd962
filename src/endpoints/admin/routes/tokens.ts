import { createJoinToken, type JoinTokenWish } from '../../../operations/create-join-token.ts';
import { operatorErrors } from '../../../operations/operator-errors.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

function listTokens(parts: AdminParts): AdminRoute {
  return route({
    method: 'GET',
    url: '/tokens',
    role: 'viewer',
    tag: 'tokens',
    summary: 'Join tokens that were not used yet. The tokens themselves are never kept.',
    schema: {
      answer: s.listOf(
        'JoinToken',
        s.closed({
          id: s.text('The first characters of its hash.'),
          spiffeId: s.spiffeIdText,
          createdAt: s.instant('When it was made.'),
          expiresAt: s.instant('When it ends.'),
          expired: s.flag('It has ended.'),
        }),
      ),
    },
    handle: async () => ({
      apiVersion: s.apiVersion,
      kind: 'JoinTokenList',
      items: (await parts.store.joinTokens.list()).map(({ hash, spiffeId, createdAt, expiresAt }) => ({
        id: hash.slice(0, 12),
        spiffeId,
        createdAt: s.iso(createdAt),
        expiresAt: s.iso(expiresAt),
        expired: expiresAt <= parts.clock.now(),
      })),
    }),
  });
}

interface NewTokenBody {
  readonly spiffeId?: string;
  readonly agent?: string;
  readonly ttlSeconds?: number;
}

function makeToken(parts: AdminParts): AdminRoute {
  const deps = { ...parts, joinTokens: parts.store.joinTokens, trustDomain: parts.authority.trustDomain };
  return route<unknown, unknown, NewTokenBody>({
    method: 'POST',
    url: '/tokens',
    role: 'admin',
    tag: 'tokens',
    summary: 'Makes a single-use join token. This answer is the only place it is ever shown.',
    schema: {
      body: s.closed(
        {
          spiffeId: s.spiffeIdText,
          agent: s.text('Instead of spiffeId: the name of the agent it is for; empty for a new name.', {
            maxLength: 2_048,
          }),
          ttlSeconds: s.whole('How long it lives.', { minimum: 1, maximum: 86_400 }),
        },
        ['spiffeId', 'agent', 'ttlSeconds'],
      ),
      answer: s.one('JoinToken', {
        token: s.text(
          'Presented as `authorization: Bearer …` on the CSR door, or by the agent when it attests.',
        ),
        spiffeId: s.spiffeIdText,
        expiresAt: s.instant('When it ends.'),
      }),
    },
    handle: async ({ operator, body }) => {
      const made = await createJoinToken(deps, operator, wishOf(body));
      return {
        apiVersion: s.apiVersion,
        kind: 'JoinToken',
        token: made.token.reveal(),
        spiffeId: made.spiffeId,
        expiresAt: s.iso(made.expiresAt),
      };
    },
  });
}

function wishOf({ spiffeId, agent, ttlSeconds }: NewTokenBody): JoinTokenWish {
  if (agent !== undefined && spiffeId === undefined) return { agent, ttlSeconds };
  if (spiffeId !== undefined && agent === undefined) return { spiffeId, ttlSeconds };
  throw operatorErrors.JOIN_TOKEN_FOR_ONE();
}

export function tokenRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listTokens(parts), makeToken(parts)];
}
