import type { SpiffeId } from '../spiffe/index.ts';

/** What a connection and a request show of who is asking. A door fills it in; nothing in it is believed yet. */
export interface Evidence {
  readonly transport: TransportEvidence;
  readonly headers: {
    /** Every value of the header, in order; a door never joins them. */
    readonly authorization: readonly string[];
    readonly clusterId: readonly string[];
    readonly forwardedClientCert: readonly string[];
  };
}

export interface TransportEvidence {
  readonly kind: 'tls' | 'plaintext' | 'unix';
  /** The IP address of the peer, as text without a port; empty for a Unix socket. */
  readonly peerAddress: string;
  /** Known to the door; earns no trust by itself (D2). */
  readonly peerIsLoopback: boolean;
  /**
   * The **path that our validator returned**, leaf first, DER; never the list that the peer sent (M11). Present only
   * together with `peerId`.
   */
  readonly peerChain?: readonly Uint8Array[];
  /** The SPIFFE ID of that path's leaf. */
  readonly peerId?: SpiffeId;
}

export type CallerMethod = 'client_cert' | 'jwt' | 'k8s_sat' | 'xfcc' | 'join_token' | 'local';

/** Who is asking, as settled by one authenticator. */
export interface Caller {
  /** At least one; the first is the caller's own identity. */
  readonly identities: readonly SpiffeId[];
  readonly method: CallerMethod;
  /** Where a workload's token says that it runs: what impersonation is decided by. */
  readonly node?: CallerNode;
  /** For audit and log, e.g. a SPIFFE ID or an issuer and subject. */
  readonly subject: string;
}

export interface CallerNode {
  readonly clusterId: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The node's name, where the credential carries it. */
  readonly name?: string;
  readonly podName?: string;
  readonly podUid?: string;
}

export type AuthenticationResult =
  | { readonly outcome: 'accepted'; readonly caller: Caller }
  /** This authenticator's kind of credential was not shown. */
  | { readonly outcome: 'not-applicable' }
  /** It was shown and is bad. `reason` is one of a closed list per authenticator; `detail` is for the operator. */
  | { readonly outcome: 'rejected'; readonly reason: string; readonly detail: string }
  /** It could not be judged: a back-end is away. */
  | { readonly outcome: 'unavailable'; readonly reason: string; readonly detail: string };

export interface Authenticator {
  readonly name: string;
  /**
   * Whether to ask it about a bearer token that comes beside a good certificate: `always`; `strict` when disagreement is
   * refused; `never`, for credentials that asking would use up.
   */
  readonly secondOpinion: 'always' | 'strict' | 'never';
  authenticate(evidence: Evidence, signal: AbortSignal): Promise<AuthenticationResult>;
}

export const notApplicable: AuthenticationResult = Object.freeze({ outcome: 'not-applicable' });

export function accepted(caller: Caller): AuthenticationResult {
  return { outcome: 'accepted', caller: Object.freeze(caller) };
}

export function rejected(reason: string, detail: string): AuthenticationResult {
  return { outcome: 'rejected', reason, detail };
}

export function unavailable(reason: string, detail: string): AuthenticationResult {
  return { outcome: 'unavailable', reason, detail };
}
