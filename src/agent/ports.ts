import type { CastellanError } from '../base/errors.ts';
import type { SpiffeId } from '../spiffe/index.ts';
import type { Signer } from '../x509/index.ts';
import type { RawBundle, RawUpdate } from './view.ts';

/** A new key, made by a machine that may make keys. */
export interface NewKey {
  readonly signer: Signer;
  readonly privateKeyPkcs8: Uint8Array;
}

export interface KeyMaker {
  /** A P-256 key. */
  make(): Promise<NewKey>;
}

export interface CertificateRequest {
  readonly spiffeId: SpiffeId;
  readonly csrPem: string;
  /** 0: the server's default. */
  readonly ttlSeconds: number;
}

/** The one path that issues: CreateCertificate, called with the node SVID (D25). */
export interface CertificateSource {
  /** The chain as it was sent, roots last; throws a typed error, its `retryAfterSeconds` honoured. */
  issue(request: CertificateRequest, signal: AbortSignal): Promise<readonly string[]>;
}

export interface MintedJwtSvid {
  readonly token: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface JwtSvidSource {
  mint(
    request: { readonly spiffeId: SpiffeId; readonly audiences: readonly string[] },
    signal: AbortSignal,
  ): Promise<MintedJwtSvid>;
}

/** What is counted; no identity is among the labels. */
export interface AgentMeter {
  renewal(result: 'installed' | 'refused' | 'failed'): void;
  limitHit(limit: string): void;
  nack(): void;
}

/** What is in force at this node, for the server. */
export interface NodeReport {
  readonly revision: string;
  /** Why the last answer was refused; empty when it was not. */
  readonly refused: string;
  readonly bundleSequences: ReadonlyMap<string, bigint>;
  readonly policyRevision: string;
  /** Key sets that the server should fetch again. */
  readonly wantedKeySets: readonly string[];
  readonly began: readonly HeldCertificate[];
  readonly endedSerials: readonly string[];
}

export interface HeldCertificate {
  readonly spiffeId: string;
  readonly serial: string;
  readonly issuerKeyId: string;
  readonly notAfter: number;
}

export interface SyncStream extends Disposable {
  report(report: NodeReport): void;
}

export interface SyncListener {
  /** The server took the stream. */
  opened(): void;
  answer(update: RawUpdate): void;
  /** Once, unless the stream was disposed of. */
  ended(error: CastellanError): void;
}

/** The server as this node calls it, with its node SVID. */
export interface ServerLink extends CertificateSource, JwtSvidSource {
  openSync(
    hello: { readonly resumeRevision: string; readonly wantsPolicy: boolean },
    listener: SyncListener,
  ): SyncStream;
  renewNode(csrDer: Uint8Array, signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** From now on, calls are made as this node. */
  useIdentity(identity: NodeIdentity): void;
  /** From now on, the server must chain to these. */
  useRoots(rootsDer: readonly Uint8Array[]): void;
}

/** The node's own certificate and key. */
export interface NodeIdentity {
  readonly agentId: string;
  /** Leaf first, DER, without roots. */
  readonly chainDer: readonly Uint8Array[];
  readonly privateKeyPkcs8: Uint8Array;
}

export interface Attested {
  readonly agentId: string;
  readonly chainDer: readonly Uint8Array[];
  readonly bundle: RawBundle;
}

/** Proof of who this node is. */
export interface NodeAttestation {
  /** False for evidence that is used up by one call. */
  readonly isRepeatable: boolean;
  attest(csrDer: Uint8Array, signal: AbortSignal): Promise<Attested>;
}

/** What outlives the process (D27), each part replaced whole. */
export interface NodeStore {
  loadIdentity(): Promise<NodeIdentity | undefined>;
  saveIdentity(identity: NodeIdentity): Promise<void>;
  loadUpdate(): Promise<RawUpdate | undefined>;
  saveUpdate(update: RawUpdate): Promise<void>;
}
