import type { AuthorizationPolicy } from './authorization-policy.ts';
import type { IdentityRegistration } from './identity-registration.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { PeerAuthentication } from './peer-authentication.ts';
import type { PolicyTest } from './policy-test.ts';
import type { RequestAuthentication } from './request-authentication.ts';
import type { ServiceEntry } from './service-entry.ts';
import type { TrustBundleResource } from './trust-bundle.ts';
import type { WorkloadEntry } from './workload-entry.ts';

export type AnyResource =
  | PeerAuthentication
  | RequestAuthentication
  | AuthorizationPolicy
  | WorkloadEntry
  | ServiceEntry
  | MeshConfig
  | IdentityRegistration
  | PolicyTest
  | TrustBundleResource;

export type ResourceKind = AnyResource['kind'];
export type ResourceOf<Kind extends ResourceKind> = Extract<AnyResource, { kind: Kind }>;
