import type { IpAddress } from '../base/ip.ts';
import type { SpiffeId } from '../spiffe/index.ts';

/**
 * What is asked: one inbound request or TCP connection, as pure values. A door fills it from what the connection really
 * was; nothing here is trusted text that still needs reading, except `http`, which the engine reads itself.
 */
export interface AuthzRequest {
  readonly connection: ConnectionFacts;
  /** Absent for a TCP check. */
  readonly http?: HttpFacts | undefined;
  /**
   * What `verifyRequestTokens` found. Absent means nobody looked: should a rule then find a token, the answer is a deny
   * (`jwks_unavailable`), never a pass.
   */
  readonly tokens?: readonly TokenResult[] | undefined;
  /** Keep one object per workload: what a snapshot works out for a workload is remembered by this object's identity. */
  readonly destination: WorkloadFacts;
  /** Envoy's dynamic metadata by filter name, e.g. `envoy.filters.http.lua`. */
  readonly dynamicMetadata?: ReadonlyMap<string, JsonFields> | undefined;
  /** Answers of the CUSTOM providers that `providersNeeded` named, by provider name (D17). */
  readonly custom?: ReadonlyMap<string, CustomResult> | undefined;
}

/** JSON as the token reader gives it: objects without a prototype. */
export type JsonData = string | number | boolean | null | undefined | readonly JsonData[] | JsonFields;
export interface JsonFields {
  readonly [name: string]: JsonData;
}

/**
 * `mutual`: TLS, and the client presented a certificate (`peer`, or `peerProblem` when it was not acceptable).
 * `one-way`: TLS without a client certificate. `none`: plaintext, or no evidence of TLS (D21).
 */
export type TlsKind = 'mutual' | 'one-way' | 'none';
export type PeerProblem = 'untrusted-root' | 'expired' | 'revoked' | 'malformed';

export interface ConnectionFacts {
  readonly tls: TlsKind;
  /** The identity of a client certificate that chains to the bundle; whether its trust domain is ours is judged here. */
  readonly peer?: SpiffeId | undefined;
  /** Why a presented certificate gives no identity. */
  readonly peerProblem?: PeerProblem | undefined;
  /**
   * The ALPN protocol that the client asked for (the first that matters: mesh protocols first). `''` means none was
   * offered. Absent means the door cannot know: then mutual TLS counts as mesh traffic, and TLS without a client
   * certificate counts as a connection without identity.
   */
  readonly alpn?: string | undefined;
  readonly sni?: string | undefined;
  /** The direct peer's address (`ipBlocks`). Absent only where there is none, e.g. a Unix socket. */
  readonly sourceIp?: IpAddress | undefined;
  /** The client's address after X-Forwarded-For or PROXY (`remoteIpBlocks`); absent means the same as `sourceIp`. */
  readonly remoteIp?: IpAddress | undefined;
  readonly destinationIp?: IpAddress | undefined;
  /** The listener's own port: on a sidecar the workload port, on a waypoint the Service port. */
  readonly destinationPort: number;
}

export interface HttpFacts {
  readonly method: string;
  /** `:authority` or Host, as sent. */
  readonly authority?: string | undefined;
  /** `:path` as sent, query included; never parsed by anyone else before. */
  readonly path: string;
  readonly scheme?: string | undefined;
  /** Names in lower case, one array element per header line. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

export type PortProtocol = 'http' | 'tcp' | 'auto';
export type ProxyKind = 'sidecar' | 'gateway' | 'waypoint' | 'ztunnel';

export interface WorkloadFacts {
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly name?: string | undefined;
  readonly serviceAccount?: string | undefined;
  /** Declared protocols by workload port; a port that is not here is sniffed (`auto`). */
  readonly ports?: ReadonlyMap<number, PortProtocol> | undefined;
  /** What stands in front of it; default `sidecar`. */
  readonly proxy?: ProxyKind | undefined;
  /** What `targetRefs` may name when the proxy is a waypoint: the services behind it. */
  readonly services?: readonly ServiceRef[] | undefined;
  /** The Gateway that the proxy implements (gateway and waypoint), in the workload's namespace. */
  readonly gatewayName?: string | undefined;
}

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  /** `kubernetes`: a core Service. `external`: a ServiceEntry. */
  readonly registry: 'kubernetes' | 'external';
}

/** Where a token stood. */
export interface TokenPlace {
  readonly in: 'header' | 'param' | 'cookie';
  /** Header names in lower case. */
  readonly name: string;
  /** Headers only; absent fits every prefix that a rule reads at this header. */
  readonly prefix?: string | undefined;
}

export type TokenFault =
  | 'malformed'
  | 'bad-signature'
  | 'no-matching-key'
  | 'keys-unavailable'
  | 'expired'
  | 'not-yet-valid'
  | 'unknown-issuer'
  | 'wrong-audience';

/** A token that was found, and what became of it. Two tokens at one place are two results. */
export type TokenResult = ValidToken | InvalidToken;

export interface ValidToken {
  readonly ok: true;
  readonly place: TokenPlace;
  /** The rule it was verified for (`RequestRuleRef.id`); absent: for every rule that reads the place. */
  readonly rule?: string | undefined;
  /** Issuer and audience are judged here, against each rule. */
  readonly claims: JsonFields;
  /** The payload as it stood in the token, base64url without padding: for `outputPayloadToHeader`. */
  readonly payload?: string | undefined;
}

export interface InvalidToken {
  readonly ok: false;
  readonly place: TokenPlace;
  readonly rule?: string | undefined;
  readonly fault: TokenFault;
  /** What Envoy answers in this case, e.g. `Jwt is expired`; absent: the text that belongs to the fault. */
  readonly message?: string | undefined;
}

/** What a CUSTOM provider said. */
export interface CustomResult {
  readonly outcome: 'allow' | 'deny' | 'unavailable';
  /** For a deny: what the provider wants sent instead of 403 and an empty body. */
  readonly status?: number | undefined;
  readonly body?: string | undefined;
  readonly responseHeaders?: readonly HeaderValue[] | undefined;
  /** For an allow: changes to the request on its way up. */
  readonly setHeaders?: readonly HeaderValue[] | undefined;
  readonly removeHeaders?: readonly string[] | undefined;
  /** Query parameters, percent-encoded. */
  readonly setParams?: readonly HeaderValue[] | undefined;
  readonly removeParams?: readonly string[] | undefined;
  /** What the provider would not take or could not get, where it was not asked. */
  readonly detail?: string | undefined;
}

export interface HeaderValue {
  readonly name: string;
  readonly value: string;
}
