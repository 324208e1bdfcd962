import { isReservedId, isSuperset, type Selector, type SpiffeId, type TrustDomain } from '../spiffe/index.ts';

/**
 * Which workloads may be what: "whoever shows these selectors under this parent is this SPIFFE ID" (spiffe.md §2.3).
 * `node` and `instanceUid` say where an instance runs, for impersonation by the node's proxy.
 */
export interface Registration {
  /** Namespace and name of the resource, `shop/cart`. */
  readonly name: string;
  readonly spiffeId: SpiffeId;
  readonly parentId?: SpiffeId;
  readonly selectors: readonly Selector[];
  readonly x509SvidTtlSeconds?: number;
  readonly jwtSvidTtlSeconds?: number;
  readonly hint?: string;
  readonly federatesWith: readonly TrustDomain[];
  readonly dnsNames: readonly string[];
  readonly node?: string;
  readonly instanceUid?: string;
}

/** A registration under a reserved path is a fault of whoever let it in: such an ID comes of node attestation only (D11). */
export function mayBeRegistered(spiffeId: SpiffeId, trustDomain: TrustDomain): boolean {
  return spiffeId.trustDomain === trustDomain && spiffeId.path !== '' && !isReservedId(spiffeId);
}

/**
 * The registrations that a workload under `parent` is entitled to: those whose every selector it shows. A registration
 * without selectors matches nobody, else it would match everybody.
 */
export function entitledIdentities(
  registrations: readonly Registration[],
  parent: SpiffeId,
  selectors: readonly Selector[],
): readonly Registration[] {
  return registrations.filter(
    (registration) =>
      registration.parentId?.equals(parent) === true &&
      registration.selectors.length > 0 &&
      isSuperset(selectors, registration.selectors),
  );
}
