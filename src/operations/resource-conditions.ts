import type { Enforcers } from './enforcers.ts';
import type { PolicyFeedStatus } from './policy-snapshot/index.ts';
import type { StoredResource } from './ports/index.ts';

/** As Kubernetes writes conditions. */
export interface ResourceCondition {
  readonly type: 'Accepted' | 'Programmed';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Kinds that decisions are made by. */
const enforced: ReadonlySet<string> = new Set([
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'MeshConfig',
  'WorkloadEntry',
  'ServiceEntry',
]);

export interface ConditionSources {
  readonly feed: () => PolicyFeedStatus;
  readonly enforcers: Pick<Enforcers, 'at'>;
}

/** Accepted: it is part of a whole that compiles. Programmed: every enforcer decides by it. */
export function conditionsOf(
  { kind, version }: Pick<StoredResource, 'kind' | 'version'>,
  { feed, enforcers }: ConditionSources,
): readonly ResourceCondition[] {
  if (!enforced.has(kind))
    return [{ type: 'Accepted', status: 'True', reason: 'Stored', message: 'it is stored' }];
  const { storeRevision = -1n, problem } = feed();
  const { inForce, acknowledged, enforcers: all } = enforcers.at(version);
  const accepted: ResourceCondition =
    storeRevision >= version
      ? {
          type: 'Accepted',
          status: 'True',
          reason: 'Compiled',
          message: 'it is part of the policies in force',
        }
      : problem === undefined
        ? { type: 'Accepted', status: 'Unknown', reason: 'Pending', message: 'it is being compiled' }
        : { type: 'Accepted', status: 'False', reason: 'NotCompiled', message: problem };
  return [
    accepted,
    {
      type: 'Programmed',
      status: inForce ? 'True' : 'False',
      reason: inForce ? 'InForce' : 'Waiting',
      message: `in force at ${acknowledged} of ${all.length} enforcers`,
    },
  ];
}
