import { explainDecision, listDecisions } from '../../../operations/decisions/index.ts';
import { describeWorkload, secureNames } from '../../../operations/query-policy.ts';
import type { AdminParts } from '../parts.ts';
import { type AdminRoute, route } from '../route.ts';
import * as s from '../schemas.ts';

const record = {
  type: 'object',
  additionalProperties: true,
  description: 'A recorded decision: what was asked, secrets masked, and what came of it.',
};
const anything = { type: 'object', additionalProperties: true };
const anythings = { type: 'array', items: anything };
const dnsName = { maxLength: 253, pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$' };

interface DecisionsQuery {
  outcome?: 'allow' | 'deny';
  source?: string;
  destination?: string;
  since?: string;
  after?: string;
  limit?: string;
}

function listRoute({ store }: AdminParts): AdminRoute {
  return route<unknown, DecisionsQuery>({
    method: 'GET',
    url: '/decisions',
    role: 'viewer',
    tag: 'decisions',
    summary: 'Recorded decisions, newest first; with `after`, the ones that came later, oldest first.',
    schema: {
      querystring: s.open({
        outcome: s.text('Only these.', { enum: ['allow', 'deny'] }),
        source: s.text('Only of this SPIFFE ID.', { maxLength: 2_048 }),
        destination: s.text('Only about this workload, `namespace/name`.', { maxLength: 512 }),
        since: s.instant('Only from then on.'),
        after: s.text('Only after this decision id.', { pattern: '^[0-9A-Z]{1,26}$' }),
        limit: s.limitNumber,
      }),
      answer: s.listOf('Decision', record, {
        dropped: s.whole('Records that a flood has cost since the start.'),
      }),
    },
    handle: async ({ query: { since, limit, ...query } }) => ({
      apiVersion: s.apiVersion,
      kind: 'DecisionList',
      dropped: store.decisions.dropped(),
      items: await listDecisions(store.decisions, {
        ...query,
        since: since === undefined ? undefined : Date.parse(since),
        limit: s.readLimit(limit),
      }),
    }),
  });
}

function explainRoute({ store, policy, policySettings: settings }: AdminParts): AdminRoute {
  return route<{ id: string }>({
    method: 'GET',
    url: '/decisions/:id',
    role: 'viewer',
    tag: 'decisions',
    summary: 'Why a recorded decision came out as it did, and whether it would today.',
    schema: {
      params: s.closed({ id: s.text('The decision id.', { pattern: '^[0-9A-Z]{26}$' }) }),
      answer: s.one(
        'DecisionExplanation',
        {
          record,
          explanation: anything,
          caveats: s.list({ type: 'string' }, 'What the explanation cannot know.'),
          today: anything,
        },
        ['explanation', 'today'],
      ),
    },
    handle: async ({ params }) => ({
      apiVersion: s.apiVersion,
      kind: 'DecisionExplanation',
      ...(await explainDecision({ ring: store.decisions, policy, settings }, params.id)),
    }),
  });
}

function workloadRoute({ policy }: AdminParts): AdminRoute {
  return route<{ namespace: string; name: string }>({
    method: 'GET',
    url: '/workloads/:namespace/:name',
    role: 'viewer',
    tag: 'decisions',
    summary: 'Effective mTLS of a workload by port, and its policies in order of evaluation.',
    schema: {
      params: s.closed({
        namespace: s.text('Its namespace.', dnsName),
        name: s.text('The name of its WorkloadEntry.', dnsName),
      }),
      answer: s.one('WorkloadPolicy', {
        namespace: s.text('Its namespace.'),
        name: s.text('Its name.'),
        revision: s.text('The revision of the policies in force.'),
        mtls: { ...anythings, description: 'By port; the last entry is for every other port.' },
        policies: anythings,
      }),
    },
    handle: ({ params }) => ({
      apiVersion: s.apiVersion,
      kind: 'WorkloadPolicy',
      ...describeWorkload(policy(), params.namespace, params.name),
    }),
  });
}

function namingRoute({ policy }: AdminParts): AdminRoute {
  return route<{ host: string }>({
    method: 'GET',
    url: '/services/:host/identities',
    role: 'viewer',
    tag: 'decisions',
    summary:
      'Secure naming: which SPIFFE IDs may serve a host. None listed means any certificate of the mesh.',
    schema: {
      params: s.closed({ host: s.text('The host name.', { maxLength: 253 }) }),
      answer: s.one('ServiceIdentities', {
        host: s.text('The host name.'),
        identities: s.list(s.spiffeIdText, 'Who may serve it.'),
        sources: s.list({ type: 'string' }, 'Where that comes from.'),
      }),
    },
    handle: ({ params: { host } }) => ({
      apiVersion: s.apiVersion,
      kind: 'ServiceIdentities',
      host,
      ...secureNames(policy(), host),
    }),
  });
}

export function decisionRoutes(parts: AdminParts): readonly AdminRoute[] {
  return [listRoute(parts), explainRoute(parts), workloadRoute(parts), namingRoute(parts)];
}
