import type { Authority } from '../authority/index.ts';
import type { DenyContent, TrustContent } from '../operations/policy-content/index.ts';
import type { RevocationStore } from '../operations/ports/index.ts';

/** For those who judge peers elsewhere: bundle, issuers and lists of this moment. */
export function trustOf(authority: Authority): TrustContent {
  return {
    trustDomain: authority.trustDomain,
    rootsDer: authority.roots().map(({ der }) => der),
    knownIssuersDer: authority.knownIssuers().map(({ der }) => der),
    crlsDer: authority.crls().map(({ der }) => der),
  };
}

export function deniedOf(revocations: Pick<RevocationStore, 'current'>): DenyContent {
  const current = revocations.current();
  return {
    serials: current.flatMap(({ serial }) => serial ?? []),
    spiffeIds: current.flatMap(({ spiffeId }) => spiffeId ?? []),
  };
}
