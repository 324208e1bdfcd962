import type { AdminClient } from '../client/admin-client.ts';
import type { DecisionJson, ListAnswer } from '../client/types.ts';
import type { View } from '../frame/output.ts';
import { formatRelative } from '../frame/times.ts';

export interface DecisionFilter {
  readonly outcome?: string | undefined;
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly since?: string | undefined;
  readonly after?: string | undefined;
  readonly limit?: string | undefined;
}

export async function fetchDecisions(
  client: AdminClient,
  filter: DecisionFilter,
): Promise<readonly DecisionJson[]> {
  return (await client.get<ListAnswer<DecisionJson>>('/decisions', { ...filter })).items;
}

export const decisionView = (now: number): View<DecisionJson> => ({
  kind: 'Decision',
  name: ({ id }) => id,
  toJson: (item) => item,
  columns: [
    { header: 'id', cell: ({ id }) => id },
    { header: 'when', cell: ({ at }) => formatRelative(Date.parse(at), now), drop: 2 },
    { header: 'decision', cell: ({ decision }) => decision },
    { header: 'reason', cell: ({ reason }) => reason },
    { header: 'from', cell: ({ request }) => request?.peer ?? request?.sourceIp ?? '-', shrink: true },
    { header: 'to', cell: workloadText },
    { header: 'call', cell: callText, shrink: true },
    { header: 'policy', cell: ({ policyId }) => policyId ?? '-', wide: true },
  ],
});

export function workloadText({ request }: DecisionJson): string {
  if (request === undefined) return '-';
  const { namespace, name, serviceAccount } = request.destination;
  return `${namespace}/${name ?? serviceAccount ?? '?'}:${request.destinationPort}`;
}

export function callText({ request }: DecisionJson): string {
  if (request === undefined) return '-';
  return request.http === undefined ? 'tcp' : `${request.http.method} ${request.http.path.split('?')[0]}`;
}
