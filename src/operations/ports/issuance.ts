import type { AuditEvent } from './audit.ts';

/** A certificate on record. Instants are wall time in ms. */
export interface IssuanceRecord {
  /** Lower hex, unique for ever. */
  readonly serial: string;
  readonly spiffeId: string;
  readonly callerSubject: string;
  readonly callerMethod: string;
  /** Lower hex. */
  readonly csrSha256: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly issuedAt: number;
  readonly der: Uint8Array;
  readonly requestId: string;
  /** Lower hex of the issuer's subject key id. */
  readonly issuerKeyId: string;
  /** Cut to the issuer's end (D4). */
  readonly shortened: boolean;
  readonly peerAddress: string;
  /** `recovered`: issued after the backup that was restored, recorded at first use (D9). */
  readonly state: 'issued' | 'recovered';
}

/** D8: same key, caller and CSR give the same chain until `expiresAt`. */
export interface Idempotency {
  /** SHA-256 of the key the caller sent, lower hex. */
  readonly keyHash: string;
  readonly callerSubject: string;
  readonly csrSha256: string;
  readonly expiresAt: number;
  readonly chainPem: readonly string[];
}

/** `replayed`: another call with the same key was first; nothing was recorded, answer with its chain. */
export type RecordOutcome =
  | { readonly replayed: false }
  | { readonly replayed: true; readonly chainPem: readonly string[] };

export interface IssuanceQuery {
  /** Only records with notAfter at or before this, soonest first; without it, newest first. */
  readonly expiringBefore?: number | undefined;
  /** Only records with notAfter after this. */
  readonly expiringAfter?: number | undefined;
  /** 1 to 1,000; default 100. */
  readonly limit?: number | undefined;
  /** From the page before. */
  readonly cursor?: string | undefined;
}

export interface IssuancePage {
  readonly records: readonly IssuanceRecord[];
  readonly cursor?: string | undefined;
}

export interface LivingQuery {
  readonly now: number;
  /** Only certificates issued at this instant or before. */
  readonly issuedUntil?: number | undefined;
  /** Only what these signed: lower hex of subject key ids. */
  readonly issuerKeyIds?: readonly string[] | undefined;
  /** Leaves out every identity that begins with this. */
  readonly exceptUnder?: string | undefined;
  readonly limit: number;
}

export interface LivingIdentity {
  readonly spiffeId: string;
  readonly certificates: number;
  /** When the last of them ends. */
  readonly until: number;
}

export interface IssuanceStore {
  /**
   * Record, DER, audit entry and idempotency row in one transaction; resolves only after the commit is synced (G1).
   * Throws SERIAL_TAKEN (draw another and sign again), IDEMPOTENCY_CONFLICT, STORE_UNAVAILABLE, STORE_OVERLOADED.
   */
  recordIssuance(
    record: IssuanceRecord,
    audit: AuditEvent,
    idempotency?: Idempotency,
  ): Promise<RecordOutcome>;
  findBySerial(serial: string): Promise<IssuanceRecord | undefined>;
  /** Newest first. */
  findBySpiffeId(spiffeId: string, limit?: number): Promise<readonly IssuanceRecord[]>;
  list(query?: IssuanceQuery): Promise<IssuancePage>;
  /** The live row of that key and caller, to answer a retry before signing anything. */
  findIdempotent(keyHash: string, callerSubject: string): Promise<Idempotency | undefined>;
  /** What still lives at `now`, by SPIFFE ID, the one that ends last first. */
  listLiving(query: LivingQuery): Promise<readonly LivingIdentity[]>;
  /** For the clock guard (G8). */
  newestIssuedAt(): Promise<number | undefined>;
  count(): Promise<number>;
}
