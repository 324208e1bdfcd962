import type { TrustDomain } from './trust-domain.ts';

/**
 * The keys of one trust domain: X.509 roots as DER, JWT keys as public JWKs. Bundles are kept by trust domain and
 * never merged. `sequence` rises by one with every change of content (B-02).
 */
export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  readonly sequence: bigint;
  readonly x509Roots: readonly Uint8Array[];
  readonly jwtKeys: readonly JwtBundleKey[];
  /** Seconds after which a reader should look again (B-03). */
  readonly refreshHintSeconds: number;
}

export interface JwtBundleKey {
  readonly kid: string;
  /** A public JWK; private members are never present. */
  readonly jwk: Readonly<Record<string, string>>;
}

/** The JWT keys as a JWK Set of their own, as the Workload API gives them out (J-11, W-18): each with `kid` and `use`. */
export function jwtKeySetOf(bundle: Pick<TrustBundle, 'jwtKeys'>): string {
  return JSON.stringify({ keys: bundle.jwtKeys.map(({ kid, jwk }) => ({ ...jwk, kid, use: 'jwt-svid' })) });
}
