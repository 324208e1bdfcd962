import type { AuditEvent, AuditStore } from './audit.ts';
import type { DecisionRing } from './decisions.ts';
import type { IssuanceStore } from './issuance.ts';
import type { JoinTokenStore } from './join-tokens.ts';
import type { NodeStore } from './nodes.ts';
import type { RefusalLog } from './refusals.ts';
import type { ResourceStore } from './resources.ts';
import type { RevocationStore } from './revocations.ts';
import type { TrafficLedger } from './traffic.ts';

export type StoreHealth =
  | { readonly ready: true }
  | {
      readonly ready: false;
      readonly reason: 'disk-full' | 'io-error' | 'damaged' | 'starting' | 'closed';
      readonly detail: string;
    };

export interface StoreIdentity {
  readonly instanceId: string;
  /** Bumped by every restore. */
  readonly epoch: number;
  /** 1 to 127, the first byte of serials of epoch 0; see `EpochSerials`. */
  readonly serialPrefix: number;
  /** When the backup that was last restored had been taken: D9's `recovered` rule. */
  readonly restoredBackupAt?: number | undefined;
  readonly createdAt: number;
}

export interface StoreFigures {
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly queued: number;
  readonly batches: number;
  readonly writes: number;
  readonly failures: number;
  readonly reopenings: number;
  readonly overloads: number;
}

export interface PruneLimits {
  /** Certificates that ended before this instant are removed, their audit entries stay. */
  readonly issuancesEndedBefore?: number | undefined;
  /** Join tokens that ended before this instant. */
  readonly joinTokensEndedBefore?: number | undefined;
  /** Counts of traffic of hours that began before this instant. */
  readonly trafficBefore?: number | undefined;
  /** Rows per transaction; default 500. */
  readonly batch?: number | undefined;
}

export interface PruneOutcome {
  readonly issuances: number;
  readonly joinTokens: number;
  readonly idempotency: number;
}

export interface StoreMaintenance {
  /** A consistent copy in one new file, 0600; the audit entry is in the copy too. */
  backup(file: string, audit: AuditEvent): Promise<{ readonly bytes: number; readonly at: number }>;
  prune(limits: PruneLimits, audit: AuditEvent): Promise<PruneOutcome>;
  figures(): StoreFigures;
  /** Every page and index read: empty when sound. */
  check(): Promise<readonly string[]>;
}

/**
 * The durable record. A write's promise resolves only after its commit is synced; it rejects with STORE_UNAVAILABLE
 * or STORE_OVERLOADED (both may be retried) or with the conflict its port names.
 */
export interface Store extends AsyncDisposable {
  readonly issuances: IssuanceStore;
  readonly joinTokens: JoinTokenStore;
  readonly nodes: NodeStore;
  readonly revocations: RevocationStore;
  readonly resources: ResourceStore;
  readonly audit: AuditStore;
  readonly refusals: RefusalLog;
  readonly decisions: DecisionRing;
  readonly traffic: TrafficLedger;
  readonly maintenance: StoreMaintenance;
  /** Whether writes would succeed now; reads and `isRevoked` go on either way. */
  health(): StoreHealth;
  identity(): StoreIdentity;
  close(): Promise<void>;
}
