import type { Enforcement } from '../../../operations/enforcers.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const longestWaitSeconds = 25;

interface EnforcementQuery {
  revision?: string;
  waitSeconds?: string;
}

function toDocument({ revision, inForce, acknowledged, enforcers }: Enforcement) {
  return {
    apiVersion: s.apiVersion,
    kind: 'Enforcement',
    revision: String(revision),
    inForce,
    acknowledged,
    enforcers: enforcers.map(({ name, kind, revision: at, hasIt, problem }) => ({
      name,
      kind,
      acknowledged: hasIt,
      ...(at === undefined ? {} : { revision: String(at) }),
      ...(problem === undefined ? {} : { problem }),
    })),
  };
}

function enforcementRoute({ store, enforcers, clock }: AdminParts): AdminRoute {
  return route<unknown, EnforcementQuery>({
    method: 'GET',
    url: '/enforcement',
    role: 'viewer',
    tag: 'resources',
    summary:
      'Which enforcers decide by a revision of the resources; with `waitSeconds`, when all do, or one refuses.',
    schema: {
      querystring: s.open({
        revision: s.text('As `apply` answered it; the newest when absent.', { pattern: '^[0-9]{1,18}$' }),
        waitSeconds: s.text(`How long to wait, 0 to ${longestWaitSeconds}; default 0.`, {
          pattern: '^([0-9]|1[0-9]|2[0-5])$',
        }),
      }),
      answer: s.one('Enforcement', {
        revision: s.text('The revision that was asked about.'),
        inForce: s.flag('Every enforcer decides by it or a later one.'),
        acknowledged: s.whole('How many do.'),
        enforcers: s.list(
          s.closed(
            {
              name: s.text('Which process.'),
              kind: s.text('What it is.', { enum: ['server', 'worker', 'agent'] }),
              acknowledged: s.flag('It decides by the revision.'),
              revision: s.text('What it decides by; absent before its first policies.'),
              problem: s.text('Why it refused what is newer.'),
            },
            ['revision', 'problem'],
          ),
          'Every process that decides.',
        ),
      }),
    },
    handle: async ({ query, reply }) => {
      const revision = query.revision === undefined ? store.resources.revision() : BigInt(query.revision);
      const waitMs = Number(query.waitSeconds ?? 0) * 1_000;
      if (waitMs === 0) return toDocument(enforcers.at(revision));
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the client went away')));
      return toDocument(await enforcers.waitFor(revision, { clock, waitMs, signal: gone.signal }));
    },
  });
}

export function enforcementRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [enforcementRoute(parts)];
}
