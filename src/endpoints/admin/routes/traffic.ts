import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const count = s.closed({
  caller: s.text(
    'SPIFFE ID of the client, or its address where it has none; `(others)` for what has no room.',
  ),
  destination: s.text('`namespace/name` of the workload.'),
  port: s.whole('Its port.'),
  tls: s.text('What the connection was.', { enum: ['mutual', 'one-way', 'none'] }),
  method: s.text('Empty for a plain connection.'),
  path: s.text('The shape of the path, ids as `{id}`.'),
  allowed: s.whole('Requests that were allowed.'),
  denied: s.whole('Requests that were denied.'),
  lastAt: s.instant('The last of them.'),
});

interface TrafficQuery {
  caller?: string;
  destination?: string;
  since?: string;
  limit?: string;
}

/** Every decision counts here, whether or not a record of it was kept. */
export function trafficRoutes({ traffic }: AdminParts): readonly AdminRoute[] {
  return [
    route<unknown, TrafficQuery>({
      method: 'GET',
      url: '/traffic',
      role: 'viewer',
      tag: 'decisions',
      summary:
        'How many requests each caller made for each operation of each workload, the most frequent first.',
      schema: {
        querystring: s.open({
          caller: s.text('Only of this caller.', { maxLength: 2_048 }),
          destination: s.text('Only about this workload, `namespace/name`.', { maxLength: 512 }),
          since: s.instant('Only of the hour that this instant falls in, and later.'),
          limit: s.limitNumber,
        }),
        answer: s.listOf('Traffic', count),
      },
      handle: async ({ query: { since, limit, ...query } }) => ({
        apiVersion: s.apiVersion,
        kind: 'TrafficList',
        items: (
          await traffic.list({
            ...query,
            since: since === undefined ? undefined : Date.parse(since),
            limit: s.readLimit(limit),
          })
        ).map((row) => ({ ...row, lastAt: s.iso(row.lastAt) })),
      }),
    }),
  ];
}
