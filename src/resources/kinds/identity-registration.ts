import type { Selector, SpiffeId, TrustDomain } from '../../spiffe/index.ts';
import type { Resource } from '../resource.ts';

/** Which selectors, under which node, make which identity (spiffe.md §2.3). */
export interface IdentityRegistrationSpec {
  readonly spiffeId: SpiffeId;
  /** The node (agent) it lives under. */
  readonly parentId: SpiffeId | undefined;
  /** A caller must have all of them. Never empty unless `node` binds it. */
  readonly selectors: readonly Selector[];
  readonly x509TtlSeconds: number | undefined;
  readonly jwtTtlSeconds: number | undefined;
  readonly dnsNames: readonly string[];
  readonly hint: string | undefined;
  readonly federatesWith: readonly TrustDomain[];
  /** The node's name and this instance's uid, for impersonation by node proxies. */
  readonly node: string | undefined;
  readonly instanceUid: string | undefined;
  /** Instant in ms after which it no longer counts. */
  readonly expiresAt: number | undefined;
}

export type IdentityRegistration = Resource<'IdentityRegistration', IdentityRegistrationSpec>;
