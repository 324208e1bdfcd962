import type { SpiffeId, TrustBundle, TrustDomain } from '../spiffe/index.ts';
import type { Certificate, Crl, Csr, PublicKey } from '../x509/index.ts';
import type { RevocationList, RevokedLeaf } from './crl-keeper.ts';
import type { JwtSvid, JwtSvidRequest } from './jwt-authority.ts';
import type { AuthorityVerdicts } from './rotation/verdicts.ts';
import type { RotationControl } from './rotation-control.ts';
import type { AuthorityStatus } from './status.ts';

export interface IssueOptions {
  readonly spiffeId: SpiffeId;
  /** int64 seconds as on the wire: zero or negative means the default. */
  readonly requestedTtlSeconds: bigint | number;
  /** The CSR has a common name: put the SPIFFE ID into the leaf's, if it fits into 64 characters (S3). */
  readonly commonNameWanted?: boolean;
  /** Names beside the SPIFFE ID, for profiles that allow them: our own serving certificate, registered names. */
  readonly dnsNames?: readonly string[];
  readonly ips?: readonly string[];
}

/** The CSR gives its public key and nothing else; the identity comes from what the caller is entitled to. */
export type IssueRequest = IssueOptions & { readonly csr: Csr };

export type IssueForKeyRequest = IssueOptions & { readonly publicKey: PublicKey };

/** A signed leaf that nobody has seen yet: it must be on durable record before it goes out (D7). */
export interface Issuance {
  /** Lower-case hex. */
  readonly serial: string;
  readonly der: Uint8Array;
  /** Leaf, one PEM certificate a string between, the whole root bundle last (csr-api.md §1.5). */
  readonly chainPem: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  /** The signer's end cut the lifetime (D4): said in trailing metadata, log and record. */
  readonly shortenedToIssuer: boolean;
  /** The `authorityId` of the signer. */
  readonly issuerKeyId: string;
}

/** What we sign with and how: the face of this room. */
export interface Authority extends AsyncDisposable {
  readonly trustDomain: TrustDomain;
  /** Throws TTL_ERROR (invalid), CERT_GEN_ERROR (internal), and x509's errors about the key (invalid). */
  issue(request: IssueRequest): Promise<Issuance>;
  issueForKey(request: IssueForKeyRequest): Promise<Issuance>;
  /** A JWT-SVID; throws TTL_ERROR, JWT_AUDIENCE_MISSING (invalid), CERT_GEN_ERROR (internal). */
  mintJwtSvid(request: JwtSvidRequest): Promise<JwtSvid>;
  bundle(): TrustBundle;
  rootsPem(): string;
  roots(): readonly Certificate[];
  /** CA certificates that are or were signers here and have not ended: where a peer's chain may be incomplete (D21). */
  knownIssuers(): readonly Certificate[];
  /** Revocation lists for verifiers, of every issuer or of none: empty while nothing is revoked. */
  crls(): readonly Crl[];
  /** The newest list of each issuer, empty ones too. */
  revocationLists(): readonly RevocationList[];
  /** Replaces what the lists say of leaves; resolves when lists that say so are in place. */
  setRevokedLeaves(leaves: readonly RevokedLeaf[]): Promise<void>;
  onCrlChange(listener: () => void): Disposable;
  /** Subject key ids of authorities that are not to be relied on (replace what they signed), or count no more. */
  verdicts(): AuthorityVerdicts;
  onVerdictChange(listener: (verdicts: AuthorityVerdicts) => void): Disposable;
  status(): AuthorityStatus;
  /** What operators do with the keys. */
  readonly rotation: RotationControl;
  /** Looks at once whether a renewal or a changed directory is due, instead of waiting for the next look. */
  checkNow(): Promise<void>;
  onBundleChange(listener: (bundle: TrustBundle) => void): Disposable;
  /** Another key or chain signs from now on. */
  onIssuerChange(listener: (issuerId: string) => void): Disposable;
}
