import type { AuditEvent } from './audit.ts';

export interface JoinToken {
  /** SHA-256 of the token, lower hex: the token itself is never stored. */
  readonly hash: string;
  readonly spiffeId: string;
  readonly expiresAt: number;
  readonly createdAt: number;
}

export interface JoinTokenStore {
  create(hash: string, spiffeId: string, expiresAt: number, audit: AuditEvent): Promise<void>;
  /**
   * Uses the token up, at most once whatever the number of concurrent tries (G9); undefined when it is unknown, used
   * or expired. The audit entry is written only when it was redeemed, with the SPIFFE ID as its object.
   */
  redeem(hash: string, now: number, audit: AuditEvent): Promise<{ readonly spiffeId: string } | undefined>;
  /** Outstanding tokens, expired ones included until they are pruned. */
  list(): Promise<readonly JoinToken[]>;
}
