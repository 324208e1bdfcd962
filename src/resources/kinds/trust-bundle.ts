import type { SpiffeId, TrustDomain } from '../../spiffe/index.ts';
import type { Resource } from '../resource.ts';

/** Another trust domain's keys, written down or fetched from its bundle endpoint. At least one of the two. */
export interface TrustBundleSpec {
  readonly trustDomain: TrustDomain;
  /** A SPIFFE bundle document (JWKS) as text. */
  readonly bundle: string | undefined;
  /** X.509 roots as PEM. */
  readonly rootsPem: string | undefined;
  readonly endpoint:
    | {
        readonly url: string;
        readonly profile: 'https_web' | 'https_spiffe';
        /** Of `https_spiffe`. */
        readonly spiffeId: SpiffeId | undefined;
      }
    | undefined;
}

export type TrustBundleResource = Resource<'TrustBundle', TrustBundleSpec>;
