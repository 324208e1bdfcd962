export { spiffeErrors } from './errors.ts';
export { formatSelector, isSuperset, parseSelector, type Selector } from './selector.ts';
export { isReservedId, maxSpiffeIdBytes, SpiffeId, serverId, workloadAccount } from './spiffe-id.ts';
export { type JwtBundleKey, jwtKeySetOf, type TrustBundle } from './trust-bundle.ts';
export { isTrustDomain, maxTrustDomainBytes, parseTrustDomain, type TrustDomain } from './trust-domain.ts';
