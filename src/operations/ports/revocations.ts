import type { AuditEvent } from './audit.ts';

/** A serial denies one certificate; a SPIFFE ID denies every certificate of it, old and new, until it is lifted. */
export type RevocationTarget =
  | { readonly serial: string; readonly spiffeId?: undefined }
  | { readonly spiffeId: string; readonly serial?: undefined };

export interface Revocation {
  readonly serial?: string | undefined;
  readonly spiffeId?: string | undefined;
  readonly reason: string;
  readonly at: number;
  readonly actor: string;
}

export interface RevocationStore {
  /** Revoking twice keeps the first record and still audits the second call. */
  revoke(target: RevocationTarget, reason: string, at: number, audit: AuditEvent): Promise<void>;
  /** False when it was not on the list. */
  lift(target: RevocationTarget, audit: AuditEvent): Promise<boolean>;
  /** Synchronous, from memory: what is committed is seen at once. */
  isRevoked(serial: string | undefined, spiffeId: string): boolean;
  /** The row that denies, for the operator's eyes. */
  find(serial: string | undefined, spiffeId: string): Revocation | undefined;
  list(): Promise<readonly Revocation[]>;
  /** What `list` gives, synchronous, from memory, in no order. */
  current(): readonly Revocation[];
  /** Called after each commit that changed the list. */
  watch(listener: () => void): Disposable;
}
