import type { Resource } from '../resource.ts';

export const pathNormalizations = [
  'DEFAULT',
  'NONE',
  'BASE',
  'MERGE_SLASHES',
  'DECODE_AND_MERGE_SLASHES',
] as const;
export type PathNormalization = (typeof pathNormalizations)[number];

export interface ExtensionProvider {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  /** `host` or `namespace/host`. */
  readonly service: string;
  readonly port: number;
  /** Undefined: 600 s. */
  readonly timeoutMs: number | undefined;
  readonly failOpen: boolean;
  readonly clearRouteCache: boolean;
  /** As written; the default is 403. */
  readonly statusOnError: number;
  readonly includeRequestBody:
    | {
        readonly maxRequestBytes: number;
        readonly allowPartialMessage: boolean;
        readonly packAsBytes: boolean;
      }
    | undefined;
  /** HTTP only. */
  readonly pathPrefix: string | undefined;
  readonly includeRequestHeadersInCheck: readonly string[];
  readonly includeAdditionalHeadersInCheck: ReadonlyMap<string, string>;
  readonly headersToUpstreamOnAllow: readonly string[];
  readonly headersToDownstreamOnDeny: readonly string[];
  readonly headersToDownstreamOnAllow: readonly string[];
}

export interface MeshConfigSpec {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** Trust domains named under `caCertificates[].trustDomains`. */
  readonly caTrustDomains: readonly string[];
  readonly rootNamespace: string;
  readonly pathNormalization: PathNormalization;
  /** The authorization providers among `extensionProviders`; other sorts are read past. */
  readonly extensionProviders: readonly ExtensionProvider[];
  readonly enableAutoMtls: boolean;
  /** `defaultConfig.gatewayTopology.numTrustedProxies`. */
  readonly numTrustedProxies: number;
}

export type MeshConfig = Resource<'MeshConfig', MeshConfigSpec>;

export const defaultMeshConfig: MeshConfigSpec = Object.freeze({
  trustDomain: 'cluster.local',
  trustDomainAliases: Object.freeze([]),
  caTrustDomains: Object.freeze([]),
  rootNamespace: 'istio-system',
  pathNormalization: 'BASE',
  extensionProviders: Object.freeze([]),
  enableAutoMtls: true,
  numTrustedProxies: 0,
});
