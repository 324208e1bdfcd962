import type { IpAddress } from '../../base/ip.ts';
import type { HttpFacts, JsonFields } from '../../policy/index.ts';
import type { SpiffeId } from '../../spiffe/index.ts';

/** The dialects in which a proxy may ask. */
export type Dialect = 'ext-authz' | 'ext-authz-http' | 'forward-auth' | 'auth-request' | 'authzen';

/** Who asks, as the transport and its credential show (D20). */
export interface Asker {
  /** The listener that was reached: a loopback or Unix one is a binding under its name. */
  readonly listener: string;
  readonly kind: 'tls' | 'plaintext' | 'unix';
  readonly address: string;
  readonly isLoopback: boolean;
  /** Of a client certificate that our path validator took. */
  readonly identity?: SpiffeId | undefined;
  readonly serial?: string | undefined;
  /** What followed `Bearer ` in the door's own credential header. */
  readonly token?: string | undefined;
}

/** What a proxy says of the client. Nothing here is believed yet. */
export interface SourceClaim {
  readonly ip?: IpAddress | undefined;
  /** The client's address after forwarding headers, where the dialect tells both. */
  readonly remoteIp?: IpAddress | undefined;
  /** First URI SAN, else DNS SAN, else subject: any text. */
  readonly principal?: string | undefined;
  /** The client's leaf certificate as PEM, percent-encoded or not. */
  readonly certificate?: string | undefined;
}

/** What a proxy says of the workload that it stands for. */
export interface DestinationClaim {
  readonly ip?: IpAddress | undefined;
  readonly port?: number | undefined;
  readonly principal?: string | undefined;
  readonly labels?: ReadonlyMap<string, string> | undefined;
  /** `context_extensions`: what the operator wrote into the route. */
  readonly extensions?: ReadonlyMap<string, string> | undefined;
}

/** A request's body, as far as the proxy showed it. */
export type SentBody =
  | { readonly kind: 'sent'; readonly bytes: Uint8Array; readonly isPartial: boolean }
  | { readonly kind: 'none' }
  /** There is one, or may be, and it was not sent. */
  | { readonly kind: 'withheld' };

/** One question at a door, decoded and unjudged. */
export interface CheckQuestion {
  readonly dialect: Dialect;
  readonly asker: Asker;
  readonly source: SourceClaim;
  readonly destination: DestinationClaim;
  /** Absent for a plain connection. */
  readonly http?: HttpFacts | undefined;
  /** The proxy said that the connection was TLS. */
  readonly isTls?: boolean | undefined;
  /** Read only for a CUSTOM provider that wants bodies; absent where the dialect has none. */
  readonly body?: (() => SentBody) | undefined;
  readonly sni?: string | undefined;
  readonly dynamicMetadata?: ReadonlyMap<string, JsonFields> | undefined;
  /** The answer cannot change the path that goes upstream: one that would have to change is denied. */
  readonly keepsPath?: boolean | undefined;
  /** The door could not make sense of it: denied, with 400. */
  readonly malformed?: string | undefined;
  /** Wall time in ms after which nobody waits. */
  readonly deadlineAt?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}
