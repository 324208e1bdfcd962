import type { SpiffeId, TrustDomain } from '../spiffe/index.ts';

/** What a leaf of ours looks like. Same fields, order and criticality as Istio's leaf, plus SKI and AKI (D6). */
export interface LeafProfile {
  readonly trustDomain: TrustDomain;
  /** The longest notAfter − notBefore, back-dating included, in milliseconds. */
  readonly maxLifetimeMs: number;
  /** Whether leaves for EC and Ed25519 keys say keyEncipherment as Istio's do, though it means nothing for them. */
  readonly keyEnciphermentForEc: boolean;
  /** Whether DNS names and addresses may stand beside the SPIFFE ID (serving certificates, registered names). */
  readonly allowOtherNames: boolean;
}

const day = 24 * 60 * 60 * 1000;
const backDating = 2 * 60 * 1000;

export function leafProfile(options: { trustDomain: TrustDomain } & Partial<LeafProfile>): LeafProfile {
  return Object.freeze({
    maxLifetimeMs: 90 * day + backDating,
    keyEnciphermentForEc: true,
    allowOtherNames: false,
    ...options,
  });
}

/** The variable part of one leaf. Times are milliseconds; fractions of a second are dropped. */
export interface LeafRequest {
  readonly spkiDer: Uint8Array;
  readonly spiffeId: SpiffeId;
  readonly notBefore: number;
  readonly notAfter: number;
  /** 1 to 20 octets, big-endian, not all zero, the first below 0x80 when there are 20. */
  readonly serial: Uint8Array;
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
  readonly commonName?: string;
}
