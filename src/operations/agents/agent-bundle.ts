import type { Authority } from '../../authority/index.ts';
import type { JwtBundleKey, TrustDomain } from '../../spiffe/index.ts';

/** A trust bundle as agents get it. */
export interface AgentBundle {
  readonly trustDomain: TrustDomain;
  readonly sequence: bigint;
  readonly refreshHintSeconds: number;
  readonly x509RootsDer: readonly Uint8Array[];
  readonly jwtKeys: readonly JwtBundleKey[];
  readonly crlsDer: readonly Uint8Array[];
  /** Certificates that sign or signed and have not ended (D21). */
  readonly knownIssuersDer: readonly Uint8Array[];
}

export function ownBundle(authority: Authority): AgentBundle {
  const { trustDomain, sequence, refreshHintSeconds, x509Roots, jwtKeys } = authority.bundle();
  return {
    trustDomain,
    sequence,
    refreshHintSeconds,
    x509RootsDer: x509Roots,
    jwtKeys,
    crlsDer: authority.crls().map(({ der }) => der),
    knownIssuersDer: authority.knownIssuers().map(({ der }) => der),
  };
}
