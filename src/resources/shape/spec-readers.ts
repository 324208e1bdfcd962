import type { ResourceOf } from '../kinds/index.ts';
import type { KnownKind } from '../kinds/known.ts';
import type { PositionedNode } from '../read/node.ts';
import { readAuthorizationPolicy } from './authorization-policy.ts';
import { readIdentityRegistration } from './identity-registration.ts';
import { readMeshConfig } from './mesh-config.ts';
import { readPeerAuthentication } from './peer-authentication.ts';
import { kindOf, type Report } from './report.ts';
import { readRequestAuthentication } from './request-authentication.ts';
import { readServiceEntry } from './service-entry.ts';
import { readTrustBundle } from './trust-bundle.ts';
import { readWorkloadEntry } from './workload-entry.ts';

/** One reader a kind: the node of its spec to the parsed spec. */
export const specReaders: {
  readonly [Kind in KnownKind]: (
    node: PositionedNode,
    report: Report,
  ) => ResourceOf<Kind>['spec'] | undefined;
} = {
  PeerAuthentication: readPeerAuthentication,
  RequestAuthentication: readRequestAuthentication,
  AuthorizationPolicy: readAuthorizationPolicy,
  WorkloadEntry: readWorkloadEntry,
  ServiceEntry: readServiceEntry,
  MeshConfig: readMeshConfig,
  IdentityRegistration: readIdentityRegistration,
  TrustBundle: readTrustBundle,
  PolicyTest: (node, report) => {
    if (node.kind === 'map') return { node };
    report.add('CAS0909', node, `expected an object, got ${kindOf(node)}`);
    return undefined;
  },
};
