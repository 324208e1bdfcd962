import type { StoredResource } from './resources.ts';

/** A recorded decision: a few columns to find it by, and the whole of it as JSON. */
export interface DecisionRow {
  /** ULID. */
  readonly id: string;
  /** Wall time, ms. */
  readonly at: number;
  readonly outcome: 'allow' | 'deny';
  readonly reason: string;
  /** SPIFFE ID of the client, or empty. */
  readonly source: string;
  /** `namespace/name` of the workload, or empty. */
  readonly destination: string;
  /** What the resource store held when it was decided. */
  readonly storeRevision: bigint;
  /** JSON. */
  readonly body: string;
}

export interface DecisionQuery {
  readonly outcome?: 'allow' | 'deny' | undefined;
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  /** Wall time in ms, inclusive. */
  readonly since?: number | undefined;
  /** Only ids after this one, oldest first: for those who follow. */
  readonly after?: string | undefined;
  /** 1 to 10,000; default 100. */
  readonly limit?: number | undefined;
}

/**
 * The newest decisions, and with them the resources they were decided by (D22). Notes are written behind and dropped
 * (counted) in a flood: no decision ever waits for its record.
 */
export interface DecisionRing {
  note(row: DecisionRow): void;
  find(id: string): Promise<DecisionRow | undefined>;
  /** Newest first, or oldest first with `after`. */
  list(query?: DecisionQuery): Promise<readonly DecisionRow[]>;
  /** The resources as they were at that revision; undefined when they are no longer kept. */
  resourcesAt(revision: bigint): Promise<readonly StoredResource[] | undefined>;
  dropped(): number;
}
