/**
 * What the engine compiles: Istio's resources as the `resources` room parses them, and mesh settings. The engine needs
 * a part of each parsed value and names just that part, so that any value with this shape will do.
 * An empty list is a field that was not written.
 */

export interface PolicyMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: ReadonlyMap<string, string> | undefined;
  readonly annotations?: ReadonlyMap<string, string> | undefined;
  /** Milliseconds; the oldest of several PeerAuthentications wins (D16). */
  readonly createdAt?: number | undefined;
  readonly resourceVersion?: string | undefined;
}

export interface PolicyResource<Kind extends string, Spec> {
  readonly kind: Kind;
  readonly metadata: PolicyMetadata;
  readonly spec: Spec;
}

export interface WorkloadSelector {
  readonly matchLabels: ReadonlyMap<string, string>;
}

export interface TargetRef {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface Targeted {
  readonly selector?: WorkloadSelector | undefined;
  readonly targetRefs?: readonly TargetRef[] | undefined;
}

export type MtlsMode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

export interface PeerAuthenticationSpec {
  readonly selector?: WorkloadSelector | undefined;
  readonly mode: MtlsMode;
  readonly portModes?: ReadonlyMap<number, MtlsMode> | undefined;
}

export interface JwtRuleSpec {
  readonly issuer?: string | undefined;
  readonly audiences: readonly string[];
  readonly jwksUri?: string | undefined;
  readonly jwks?: string | undefined;
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly outputPayloadToHeader?: string | undefined;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardOriginalToken: boolean;
  readonly spaceDelimitedClaims: readonly string[];
  readonly presence: 'OPTIONAL' | 'REQUIRED';
}

export interface RequestAuthenticationSpec extends Targeted {
  readonly jwtRules: readonly JwtRuleSpec[];
}

export type PolicyAction = 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';

export type SourceField =
  | 'principals'
  | 'requestPrincipals'
  | 'namespaces'
  | 'serviceAccounts'
  | 'trustDomains'
  | 'ipBlocks'
  | 'remoteIpBlocks';
export type OperationField = 'hosts' | 'ports' | 'methods' | 'paths';

export type SourceSpec = { readonly [F in SourceField | `not${Capitalize<SourceField>}`]: readonly string[] };
export type OperationSpec = {
  readonly [F in OperationField | `not${Capitalize<OperationField>}`]: readonly string[];
};

export interface ConditionSpec {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export interface RuleSpec {
  readonly from: readonly SourceSpec[];
  readonly to: readonly OperationSpec[];
  readonly when: readonly ConditionSpec[];
}

export interface AuthorizationPolicySpec extends Targeted {
  readonly action: PolicyAction;
  readonly provider?: string | undefined;
  readonly rules: readonly RuleSpec[];
}

export interface WorkloadEntrySpec {
  readonly address?: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly serviceAccount?: string | undefined;
}

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly endpoints: readonly WorkloadEntrySpec[];
  readonly workloadSelector?: ReadonlyMap<string, string> | undefined;
  readonly subjectAltNames: readonly string[];
}

export type PeerAuthentication = PolicyResource<'PeerAuthentication', PeerAuthenticationSpec>;
export type RequestAuthentication = PolicyResource<'RequestAuthentication', RequestAuthenticationSpec>;
export type AuthorizationPolicy = PolicyResource<'AuthorizationPolicy', AuthorizationPolicySpec>;
export type WorkloadEntry = PolicyResource<'WorkloadEntry', WorkloadEntrySpec>;
export type ServiceEntry = PolicyResource<'ServiceEntry', ServiceEntrySpec>;

/**
 * Order does not matter. Resources are values: never changed after they were handed over; one that is handed over again
 * (the same object) costs nothing to compile again. Kinds that the engine does not read may be in the list.
 */
export type CompilableResource =
  | PeerAuthentication
  | RequestAuthentication
  | AuthorizationPolicy
  | WorkloadEntry
  | ServiceEntry;

/** `DEFAULT` is `BASE`. */
export type PathNormalization = 'DEFAULT' | 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';

export interface ExtensionProvider {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  readonly failOpen: boolean;
  readonly statusOnError: number;
}

/** The part of MeshConfig that decides; everything has Istio's default. */
export interface MeshSettings {
  /** Default `cluster.local`. */
  readonly trustDomain?: string | undefined;
  readonly trustDomainAliases?: readonly string[] | undefined;
  /** Of `caCertificates[].trustDomains`: accepted from peers, but no aliases. */
  readonly caTrustDomains?: readonly string[] | undefined;
  /** Default `istio-system`. */
  readonly rootNamespace?: string | undefined;
  readonly pathNormalization?: PathNormalization | undefined;
  readonly extensionProviders?: readonly ExtensionProvider[] | undefined;
}

/** Settings that decide beside MeshConfig: Istio's feature flags, and our own switches. */
export interface EngineSettings {
  readonly mesh?: MeshSettings | undefined;
  /** Decide as the adversaries' table says where Istio is more lenient (D16). Default false: identical to Istio. */
  readonly strict?: boolean | undefined;
  /** Remove `;parameters` from path segments before matching and forwarding. Default false. */
  readonly stripPathParameters?: boolean | undefined;
  /** PILOT_SKIP_VALIDATE_TRUST_DOMAIN: any trust domain is accepted from a peer. Default false. */
  readonly skipTrustDomainValidation?: boolean | undefined;
  /** PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS. Default false. */
  readonly multipleCustomProviders?: boolean | undefined;
  /** ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY. Default true. */
  readonly selectorsOnGateways?: boolean | undefined;
  /** D17: extension providers that are this very service; they count as passed, so there is no loop. */
  readonly selfProviders?: readonly string[] | undefined;
}
