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

export interface PlainMesh {
  readonly trustDomain?: string;
  readonly trustDomainAliases?: readonly string[];
  readonly rootNamespace?: string;
  readonly pathNormalization?: { readonly normalization?: string };
}

export interface PlainWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  /** Declared protocol by workload port; a port that is not here is sniffed. */
  readonly ports?: Readonly<Record<string, 'HTTP' | 'TCP' | 'AUTO'>>;
}

export type TlsShape =
  | 'none'
  /** A verified mesh certificate over mesh ALPN. */
  | 'mutual'
  /** TLS with a certificate that verifies, without mesh ALPN. */
  | 'mutual-foreign-alpn'
  /** TLS with mesh ALPN, and no certificate or one that does not verify. */
  | 'mesh-alpn-without-certificate'
  /** TLS without mesh ALPN and without a certificate. */
  | 'one-way';

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

export interface PlainRequest {
  readonly from?: string;
  readonly tls: TlsShape;
  readonly sni?: string;
  readonly port: number;
  readonly sourceIp?: string;
  readonly remoteIp?: string;
  readonly destinationIp?: string;
  readonly http?: {
    readonly method: string;
    readonly path: string;
    readonly host: string;
    readonly headers: Readonly<Record<string, readonly string[]>>;
  };
  readonly tokens: readonly PlainToken[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly custom: Readonly<Record<string, 'allow' | 'deny' | 'unavailable'>>;
}

export interface PlainDecision {
  readonly outcome: 'allow' | 'deny';
  readonly stage: 'peer' | 'path' | 'custom' | 'request' | 'deny' | 'allow';
  readonly policy?: string;
  readonly status?: number;
}
