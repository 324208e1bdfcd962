import type { TrustDomain } from '../../spiffe/index.ts';
import { type Certificate, type Crl, parseCertificate, parseCrl } from '../../x509/index.ts';
import type { PeerTrust } from '../check-request/index.ts';

/** What certificates of peers are judged by, as bytes. */
export interface TrustContent {
  readonly trustDomain: TrustDomain;
  readonly rootsDer: readonly Uint8Array[];
  readonly knownIssuersDer: readonly Uint8Array[];
  readonly crlsDer: readonly Uint8Array[];
}

/** The deny list, as it is told. */
export interface DenyContent {
  readonly serials: readonly string[];
  readonly spiffeIds: readonly string[];
}

/** Bundle, issuers and lists of an authority elsewhere. */
export class FollowedTrust implements PeerTrust {
  #trustDomain: TrustDomain;
  #roots: readonly Certificate[] = [];
  #issuers: readonly Certificate[] = [];
  #crls: readonly Crl[] = [];
  #revision = 0;

  constructor(content: TrustContent) {
    this.#trustDomain = content.trustDomain;
    this.replace(content);
  }

  replace({ trustDomain, rootsDer, knownIssuersDer, crlsDer }: TrustContent): void {
    // All or nothing: what cannot be read throws before anything changed.
    const roots = rootsDer.map((der) => parseCertificate(der));
    const issuers = knownIssuersDer.map((der) => parseCertificate(der));
    const crls = crlsDer.map((der) => parseCrl(der));
    this.#trustDomain = trustDomain;
    this.#roots = roots;
    this.#issuers = issuers;
    this.#crls = crls;
    this.#revision++;
  }

  rootsFor(trustDomain: TrustDomain): readonly Certificate[] | undefined {
    return trustDomain === this.#trustDomain ? this.#roots : undefined;
  }

  knownIssuers(): readonly Certificate[] {
    return this.#issuers;
  }

  crls(): readonly Crl[] {
    return this.#crls;
  }

  revision(): number {
    return this.#revision;
  }
}

export class FollowedDenyList {
  #serials: ReadonlySet<string> = new Set();
  #ids: ReadonlySet<string> = new Set();

  constructor(content: DenyContent) {
    this.replace(content);
  }

  replace({ serials, spiffeIds }: DenyContent): void {
    this.#serials = new Set(serials);
    this.#ids = new Set(spiffeIds);
  }

  isRevoked(serial: string | undefined, spiffeId: string): boolean {
    return (serial !== undefined && this.#serials.has(serial)) || this.#ids.has(spiffeId);
  }
}
