import type { Resource } from '../resource.ts';
import type { PolicyTargetRef, WorkloadSelector } from './selection.ts';

export const authorizationActions = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const;
export type AuthorizationAction = (typeof authorizationActions)[number];

export const sourceFields = [
  'principals',
  'notPrincipals',
  'requestPrincipals',
  'notRequestPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
  'trustDomains',
  'notTrustDomains',
  'ipBlocks',
  'notIpBlocks',
  'remoteIpBlocks',
  'notRemoteIpBlocks',
] as const;
export type SourceField = (typeof sourceFields)[number];

export const operationFields = [
  'hosts',
  'notHosts',
  'ports',
  'notPorts',
  'methods',
  'notMethods',
  'paths',
  'notPaths',
] as const;
export type OperationField = (typeof operationFields)[number];

/** Values as written; an empty list is a field that was not written. */
export type AuthorizationSource = Readonly<Record<SourceField, readonly string[]>>;
export type AuthorizationOperation = Readonly<Record<OperationField, readonly string[]>>;

export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Empty lists are parts that were not written: a rule of three empty lists matches everything. */
export interface AuthorizationRule {
  readonly from: readonly AuthorizationSource[];
  readonly to: readonly AuthorizationOperation[];
  readonly when: readonly AuthorizationCondition[];
}

export interface AuthorizationPolicySpec {
  readonly selector: WorkloadSelector | undefined;
  /** `targetRef` and `targetRefs` alike. */
  readonly targetRefs: readonly PolicyTargetRef[];
  readonly action: AuthorizationAction;
  /** Of CUSTOM: a name among MeshConfig's extensionProviders. */
  readonly provider: string | undefined;
  readonly rules: readonly AuthorizationRule[];
}

export type AuthorizationPolicy = Resource<'AuthorizationPolicy', AuthorizationPolicySpec>;

export const dryRunAnnotation = 'istio.io/dry-run';

/** Go's `strconv.ParseBool`; undefined for anything else. */
export function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return undefined;
}

/** True when the policy is only to be watched: its annotation `istio.io/dry-run` says so. */
export function isDryRun(policy: Pick<AuthorizationPolicy, 'metadata'>): boolean {
  const value = policy.metadata.annotations.get(dryRunAnnotation);
  return value !== undefined && parseGoBool(value) === true;
}
