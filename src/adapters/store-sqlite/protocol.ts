/** What the main thread and the writer thread say to each other: data only, nothing with behaviour. */
import type {
  AuditEvent,
  AuditHead,
  DecisionRow,
  Idempotency,
  IssuanceRecord,
  NodeAdmission,
  NodeChange,
  NodeNote,
  NodeRecord,
  RecordOutcome,
  ResourceChange,
  RevocationTarget,
  TrafficRow,
} from '../../operations/ports/index.ts';

/** One verb, all of it in one transaction with its audit entries. */
export type Write =
  | {
      readonly kind: 'issue';
      readonly record: IssuanceRecord;
      readonly audit: AuditEvent;
      readonly idempotency: Idempotency | undefined;
    }
  | { readonly kind: 'append'; readonly audit: AuditEvent }
  | {
      readonly kind: 'create-token';
      readonly hash: string;
      readonly spiffeId: string;
      readonly expiresAt: number;
      readonly audit: AuditEvent;
    }
  | { readonly kind: 'redeem-token'; readonly hash: string; readonly now: number; readonly audit: AuditEvent }
  | {
      readonly kind: 'revoke';
      readonly target: RevocationTarget;
      readonly reason: string;
      readonly at: number;
      readonly audit: AuditEvent;
    }
  | { readonly kind: 'lift'; readonly target: RevocationTarget; readonly audit: AuditEvent }
  | {
      readonly kind: 'resources';
      readonly changes: readonly ResourceChange[];
      readonly audits: readonly AuditEvent[];
    }
  | {
      readonly kind: 'admit-node';
      readonly record: IssuanceRecord;
      readonly node: NodeAdmission;
      readonly audits: readonly AuditEvent[];
    }
  | {
      readonly kind: 'renew-node';
      readonly record: IssuanceRecord;
      readonly id: string;
      readonly audits: readonly AuditEvent[];
    }
  | { readonly kind: 'change-node'; readonly change: NodeChange; readonly audit: AuditEvent }
  | { readonly kind: 'note-nodes'; readonly notes: readonly NodeNote[] }
  | { readonly kind: 'add-traffic'; readonly rows: readonly TrafficRow[] }
  | {
      readonly kind: 'prune';
      readonly table: 'issuance' | 'join_token' | 'idempotency' | 'traffic';
      readonly endedBefore: number;
      readonly batch: number;
      readonly removedBefore: { readonly issuances: number; readonly joinTokens: number };
      readonly audit: AuditEvent;
    };

/** What each kind of write answers. */
export interface WriteAnswers {
  readonly issue: RecordOutcome;
  readonly append: undefined;
  readonly 'create-token': undefined;
  readonly 'redeem-token': { readonly spiffeId: string } | undefined;
  readonly revoke: undefined;
  readonly lift: boolean;
  readonly resources: ResourcesWritten;
  readonly 'admit-node': NodeRecord;
  readonly 'renew-node': NodeRecord;
  readonly 'change-node': NodeRecord;
  readonly 'note-nodes': undefined;
  readonly 'add-traffic': undefined;
  readonly prune: number;
}

export interface ResourcesWritten {
  readonly revision: bigint;
  /** For each change, when its object was created. */
  readonly createdAt: readonly number[];
}

export type WriteAnswer = WriteAnswers[keyof WriteAnswers];

/** A write as it travels: with the instants of the moment it was asked for. */
export interface StampedWrite {
  readonly write: Write;
  readonly at: number;
  readonly bootTime: number;
}

export type WriteResult =
  | { readonly ok: true; readonly answer: WriteAnswer }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export type OutageReason = 'disk-full' | 'io-error' | 'damaged';

export interface WriterOptions {
  readonly file: string;
  readonly maxPages?: number | undefined;
  /** Rows the ring of refusals keeps. */
  readonly refusals: number;
  /** Rows the ring of decisions keeps. */
  readonly decisions: number;
  /** Writes after which the write-ahead log is moved into the database. */
  readonly checkpointEvery: number;
}

export interface RefusalRow {
  readonly requestId: string;
  readonly at: number;
  readonly code: string;
  readonly detail: string;
  /** JSON. */
  readonly evidence: string;
}

export type ToWriter =
  | {
      readonly type: 'batch';
      readonly writes: readonly StampedWrite[];
      readonly refusals: readonly RefusalRow[];
      readonly decisions: readonly DecisionRow[];
    }
  | { readonly type: 'close' };

export type FromWriter =
  | { readonly type: 'ready'; readonly head: AuditHead; readonly reopened: boolean }
  | { readonly type: 'done'; readonly results: readonly WriteResult[]; readonly head: AuditHead }
  | { readonly type: 'failed'; readonly reason: OutageReason; readonly detail: string }
  | { readonly type: 'outage'; readonly reason: OutageReason; readonly detail: string }
  | { readonly type: 'closed' };
