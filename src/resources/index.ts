export { type FindingOptions, type FindingSpec, findingBuilder } from './catalogue.ts';
export { compareFindings, type Finding, hasErrors, type Severity, type TextEdit } from './finding.ts';
export {
  type AuthorizationAction,
  type AuthorizationCondition,
  type AuthorizationOperation,
  type AuthorizationPolicy,
  type AuthorizationPolicySpec,
  type AuthorizationRule,
  type AuthorizationSource,
  authorizationActions,
  dryRunAnnotation,
  isDryRun,
  type OperationField,
  operationFields,
  parseGoBool,
  type SourceField,
  sourceFields,
} from './kinds/authorization-policy.ts';
export type { IdentityRegistration, IdentityRegistrationSpec } from './kinds/identity-registration.ts';
export type { AnyResource, ResourceKind, ResourceOf } from './kinds/index.ts';
export { type KnownKind, knownKinds } from './kinds/known.ts';
export {
  defaultMeshConfig,
  type ExtensionProvider,
  type MeshConfig,
  type MeshConfigSpec,
  type PathNormalization,
  pathNormalizations,
} from './kinds/mesh-config.ts';
export {
  type MtlsMode,
  mtlsModes,
  type PeerAuthentication,
  type PeerAuthenticationSpec,
} from './kinds/peer-authentication.ts';
export type { PolicyTest, PolicyTestSpec } from './kinds/policy-test.ts';
export type {
  ClaimToHeader,
  JwtHeader,
  JwtRule,
  RequestAuthentication,
  RequestAuthenticationSpec,
} from './kinds/request-authentication.ts';
export type { PolicyTargetRef, WorkloadSelector } from './kinds/selection.ts';
export type { ServiceEntry, ServiceEntrySpec, ServicePort } from './kinds/service-entry.ts';
export type { TrustBundleResource, TrustBundleSpec } from './kinds/trust-bundle.ts';
export type { WorkloadEntry, WorkloadEntrySpec } from './kinds/workload-entry.ts';
export type { LegacyDocument, ParsedResource, SkippedDocument } from './outcome.ts';
export { joinResults, type ParseOptions, type ParseResult, parseResources } from './parse.ts';
export {
  type PositionedDocument,
  type ReadOptions,
  type ReadResult,
  readDocuments,
  type TextFormat,
} from './read/documents.ts';
export { readLimits } from './read/limits.ts';
export {
  formatPath,
  ListNode,
  type MapEntry,
  MapNode,
  nodeAt,
  type PathStep,
  type Plain,
  type PositionedNode,
  type Scalar,
  ScalarNode,
  SourceText,
} from './read/node.ts';
export { type Resource, type ResourceMetadata, resourceKey, resourceTitle, type Source } from './resource.ts';
export { Fields, readTextMap } from './shape/fields.ts';
export { readMetadata } from './shape/metadata.ts';
export { quoted, Report, type ResourceCode, resourceCatalogue } from './shape/report.ts';
export { isNull, readText } from './shape/scalars.ts';
export { isPathTemplate } from './shape/values.ts';
