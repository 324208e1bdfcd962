/** What the naive evaluator reads: resources as plainly parsed YAML, a request in the corpus's own form. */

export interface PlainPolicy {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly creationTimestamp?: string;
  };
  // oxlint-disable-next-line typescript/no-explicit-any -- plain YAML, on purpose
  readonly spec: any;
}

export interface PlainProvider {
  readonly name: string;
  readonly envoyExtAuthzHttp?: { readonly failOpen?: boolean };
  readonly envoyExtAuthzGrpc?: { readonly failOpen?: boolean };
}

/** MeshConfig in Istio's field names, and the flags beside it. */
export interface PlainMesh {
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly caCertificates?: readonly { readonly trustDomains?: readonly string[] }[];
  readonly rootNamespace?: string;
  readonly pathNormalization?: { readonly normalization?: string };
  readonly extensionProviders?: readonly PlainProvider[];
  readonly strict?: boolean;
  readonly skipTrustDomainValidation?: boolean;
  readonly multipleCustomProviders?: boolean;
  readonly selectorsOnGateways?: boolean;
  readonly stripPathParameters?: boolean;
  readonly selfProviders?: readonly string[];
}

export interface PlainWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Declared protocol by workload port; a port that is not here is sniffed. */
  readonly ports?: Readonly<Record<string, 'HTTP' | 'TCP' | 'AUTO'>>;
  readonly proxy?: 'sidecar' | 'gateway' | 'waypoint' | 'ztunnel';
  readonly gatewayName?: string;
  /** `namespace/name` of the services behind a waypoint. */
  readonly services?: readonly string[];
  readonly serviceEntries?: readonly string[];
}

export interface PlainConnection {
  readonly tls: 'none' | 'one-way' | 'mutual';
  /** `untold`: whoever asks cannot know. `foreign`: none, or not one of the mesh. */
  readonly alpn: 'mesh-http' | 'mesh-tcp' | 'foreign' | 'untold';
  readonly certificate: 'none' | 'good' | 'bad';
}

export interface PlainToken {
  readonly in?: {
    readonly header?: string;
    readonly prefix?: string;
    readonly param?: string;
    readonly cookie?: string;
  };
  readonly claims: Readonly<Record<string, unknown>>;
  /** Absent: the token verifies. Otherwise what is wrong with it. */
  readonly problem?:
    | 'malformed'
    | 'bad-signature'
    | 'expired'
    | 'not-yet-valid'
    | 'no-key'
    | 'jwks-unavailable';
}

export interface PlainHttp {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly scheme?: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

export interface PlainRequest extends PlainConnection {
  readonly from?: string;
  readonly sni?: string;
  readonly port: number;
  readonly sourceIp?: string;
  readonly remoteIp?: string;
  readonly destinationIp?: string;
  readonly http?: PlainHttp;
  readonly tokens: readonly PlainToken[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly custom: Readonly<Record<string, 'allow' | 'deny' | 'unavailable'>>;
}

export type PlainStage =
  | 'peer_authentication'
  | 'normalisation'
  | 'custom'
  | 'request_authentication'
  | 'deny'
  | 'allow';

export interface PlainDecision {
  readonly outcome: 'allow' | 'deny';
  readonly stage: PlainStage;
  readonly policy?: string;
  /** Left out where the semantics leave it open. */
  readonly status?: number;
  /** What the rules saw, where they saw HTTP. */
  readonly path?: string;
}
