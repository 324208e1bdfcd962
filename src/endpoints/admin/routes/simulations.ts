import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';
import { finding } from './resources.ts';

interface SimulationBody {
  files: { file: string; text: string }[];
  lastSeconds: number;
  namespace?: string;
}

const counts = {
  recorded: s.whole('How many records.'),
  estimated: s.whole('How many requests they stand for: allowed ones are sampled.'),
  example: s.text('The id of one of them.'),
};
const flip = s.closed(
  {
    caller: s.text('SPIFFE ID of the client, or its address where it has none.'),
    callee: s.text('`namespace/name:port` of the workload.'),
    operation: s.text('Method and path, ids as `{id}`; `tcp` for plain connections.'),
    from: s.text('What the policies in force decide.', { enum: ['allow', 'deny'] }),
    to: s.text('What they would decide.', { enum: ['allow', 'deny'] }),
    reason: s.text('Why they would.'),
    policyId: s.text('Which policy would, or does now.'),
    ...counts,
    counted: s.whole('Requests decided so in the hours of the window, counted one by one.'),
  },
  ['policyId'],
);
const undecidable = s.closed({ missing: s.text('Which input is missing.'), ...counts });

function simulateRoute({ simulator, clock }: AdminParts): AdminRoute {
  return route<unknown, unknown, SimulationBody>({
    method: 'POST',
    url: '/simulations',
    role: 'viewer',
    tag: 'decisions',
    summary: 'What applying some resources would have changed about recent decisions. Changes nothing.',
    schema: {
      body: s.closed(
        {
          files: {
            ...s.list(
              s.closed({
                file: s.text('The name that findings carry.', { maxLength: 1_024 }),
                text: s.text('YAML or JSON documents.', { maxLength: 1_000_000 }),
              }),
              'The candidates: each takes the place of the stored resource of its name.',
            ),
            maxItems: 1_000,
          },
          lastSeconds: s.whole('How far back records are replayed.', { minimum: 1, maximum: 31_536_000 }),
          namespace: s.text('The namespace of documents that name none.', { maxLength: 253 }),
        },
        ['namespace'],
      ),
      answer: s.one('Simulation', {
        refused: s.flag('A finding refused the candidates; nothing was replayed.'),
        findings: s.list(finding, 'What is wrong, or unwise, in them.'),
        replayed: s.whole('Records that were decided again.'),
        estimated: s.whole('Requests that they stand for.'),
        skipped: s.whole('Records that were decided before any policy was looked at.'),
        flips: s.whole('Records that would be decided otherwise.'),
        undecidable: s.whole('Records that cannot be decided again.'),
        beyond: s.whole('Of both, how many are in none of the groups, for there are too many.'),
        flipGroups: s.list(flip, 'By caller, callee and operation, the most frequent first.'),
        undecidableGroups: s.list(undecidable, 'By what is missing.'),
      }),
    },
    handle: async ({ body, reply }) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new Error('the client went away')));
      const simulation = await simulator.simulate({
        files: body.files,
        defaultNamespace: body.namespace ?? 'default',
        since: clock.now() - body.lastSeconds * 1_000,
        signal: gone.signal,
      });
      return { apiVersion: s.apiVersion, kind: 'Simulation', ...simulation };
    },
  });
}

export function simulationRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [simulateRoute(parts)];
}
