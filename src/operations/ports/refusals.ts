import type { JsonRecord } from '../audit/canonical.ts';

/** Why a request was refused, for `castellan explain REQUEST_ID`: the caller is told only the code. */
export interface Refusal {
  readonly requestId: string;
  readonly at: number;
  readonly code: string;
  readonly detail: string;
  /** What the caller showed, secrets masked. */
  readonly evidence: JsonRecord;
}

/**
 * A bounded ring that never slows or fails a request: notes are written behind, and dropped (counted) in a flood.
 */
export interface RefusalLog {
  note(refusal: Refusal): void;
  find(requestId: string): Promise<Refusal | undefined>;
  /** Newest first. */
  list(limit?: number): Promise<readonly Refusal[]>;
  /** How many notes a flood has cost since the start. */
  dropped(): number;
}
