import type { Authority } from '../authority/index.ts';
import type { PeerTrust } from '../operations/check-request/index.ts';

/** What client certificates that proxies forward are judged by: our roots, every issuer we had, the lists we hold. */
export function peerTrust(authority: Authority, stack: AsyncDisposableStack): PeerTrust {
  let changes = 0;
  let crls = authority.crls();
  const change = () => void changes++;
  stack.use(authority.onBundleChange(change));
  stack.use(authority.onIssuerChange(change));
  return {
    rootsFor: (trustDomain) => (trustDomain === authority.trustDomain ? authority.roots() : undefined),
    knownIssuers: () => authority.knownIssuers(),
    crls: () => authority.crls(),
    revision() {
      const now = authority.crls();
      if (now !== crls) {
        crls = now;
        changes++;
      }
      return changes;
    },
  };
}
