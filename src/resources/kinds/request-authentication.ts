import type { Resource } from '../resource.ts';
import type { PolicyTargetRef, WorkloadSelector } from './selection.ts';

export interface JwtHeader {
  readonly name: string;
  /** `''` when not written: the whole value. */
  readonly prefix: string;
}

export interface ClaimToHeader {
  readonly header: string;
  readonly claim: string;
}

export interface JwtRule {
  /** Undefined: any issuer (then `jwksUri` or `jwks` is present). */
  readonly issuer: string | undefined;
  /** Empty: not checked. */
  readonly audiences: readonly string[];
  readonly jwksUri: string | undefined;
  /** The inline key set as text; it parses as a JWKS. */
  readonly jwks: string | undefined;
  readonly fromHeaders: readonly JwtHeader[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly outputPayloadToHeader: string | undefined;
  readonly outputClaimToHeaders: readonly ClaimToHeader[];
  readonly forwardOriginalToken: boolean;
  /** For fetching keys; undefined: 5 s. */
  readonly timeoutMs: number | undefined;
  readonly spaceDelimitedClaims: readonly string[];
  readonly presence: 'OPTIONAL' | 'REQUIRED';
}

export interface RequestAuthenticationSpec {
  readonly selector: WorkloadSelector | undefined;
  /** `targetRef` and `targetRefs` alike. */
  readonly targetRefs: readonly PolicyTargetRef[];
  readonly jwtRules: readonly JwtRule[];
}

export type RequestAuthentication = Resource<'RequestAuthentication', RequestAuthenticationSpec>;
