import {
  type AppliedPolicy,
  type EffectivePeerAuthentication,
  effectivePeerAuthentications,
  identitiesFor,
  policiesFor,
  type ServiceNames,
} from '../policy/index.ts';
import type { ActivePolicy } from './check-request/index.ts';
import { operatorErrors } from './operator-errors.ts';

/** Effective mTLS of one workload by port, and the policies that apply to it in order of evaluation. */
export interface WorkloadPolicy {
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly mtls: readonly EffectivePeerAuthentication[];
  readonly policies: readonly AppliedPolicy[];
}

/** Throws WORKLOAD_UNKNOWN for one that no WorkloadEntry names, POLICY_NOT_READY before the first snapshot. */
export function describeWorkload(
  policy: ActivePolicy | undefined,
  namespace: string,
  name: string,
): WorkloadPolicy {
  const active = ready(policy);
  const known = active.workloads.byName(namespace, name);
  if (known === undefined)
    throw operatorErrors.WORKLOAD_UNKNOWN({
      message: `there is no WorkloadEntry \`${`${namespace}/${name}`.slice(0, 200)}\``,
    });
  const { snapshot } = active;
  return {
    namespace,
    name,
    revision: snapshot.revision,
    mtls: effectivePeerAuthentications(snapshot, known.facts),
    policies: policiesFor(snapshot, known.facts),
  };
}

/** Which SPIFFE IDs may serve a host; throws SERVICE_HOST_UNKNOWN when no ServiceEntry names it. */
export function secureNames(policy: ActivePolicy | undefined, host: string): ServiceNames {
  const names = identitiesFor(ready(policy).snapshot, host);
  if (names === undefined) throw operatorErrors.SERVICE_HOST_UNKNOWN();
  return names;
}

function ready(policy: ActivePolicy | undefined): ActivePolicy {
  if (policy === undefined) throw operatorErrors.POLICY_NOT_READY({ retryAfterSeconds: 1 });
  return policy;
}
