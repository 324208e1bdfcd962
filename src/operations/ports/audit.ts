import type { JsonRecord } from '../audit/canonical.ts';
import type { AuditAction } from '../audit/catalogue.ts';

/** What a verb says happened. It is stored in the same transaction as the change it tells of. */
export interface AuditEvent {
  /** Who: `Caller.subject`, an operator's name, or `castellan` for the server itself. */
  readonly actor: string;
  /** How the actor was authenticated: `client_cert`, `jwt`, `local` … */
  readonly actorMethod: string;
  readonly actorAddress?: string | undefined;
  readonly action: AuditAction;
  readonly object: string;
  readonly result: 'success' | 'denied' | 'error';
  readonly requestId: string;
  /** JSON-safe, no secrets. */
  readonly detail: JsonRecord;
}

/** A link of the chain: `hash` is SHA-256 over the canonical JSON of everything else. */
export interface AuditEntry extends AuditEvent {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Wall time, ms. */
  readonly at: number;
  /** Milliseconds since boot at that moment: shows wall clock jumps afterwards. */
  readonly bootTime: number;
  readonly instance: string;
  readonly epoch: number;
  /** Lower hex; 64 zeros before the first entry. */
  readonly prevHash: string;
  readonly hash: string;
}

export interface AuditHead {
  readonly sequence: number;
  readonly hash: string;
}

export interface AuditQuery {
  /** Newest first, below this sequence: page on with the last one you saw. */
  readonly before?: number | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly requestId?: string | undefined;
  /** Wall time, ms, inclusive. */
  readonly since?: number | undefined;
  /** 1 to 1,000; default 100. */
  readonly limit?: number | undefined;
}

export interface AuditStore {
  /** An entry of its own, for what changes no other record. Resolves after the commit is synced. */
  append(event: AuditEvent): Promise<void>;
  /** Newest first. */
  list(query?: AuditQuery): Promise<readonly AuditEntry[]>;
  /** The newest committed entry; sequence 0 when there is none. */
  head(): AuditHead;
  /** Called after each commit that grew the chain. */
  onGrowth(listener: (head: AuditHead) => void): Disposable;
  /** Walks the whole chain and compares it with the checkpoints given. */
  verify(checkpoints?: AuditCheckpoints): Promise<AuditReport>;
}

/** Lines of the checkpoint file, and who may have signed them. */
export interface AuditCheckpoints {
  readonly lines: readonly string[];
  readonly verifier: CheckpointVerifier;
}

/** The audit key: separate from every CA key. */
export interface CheckpointSigner {
  readonly keyId: string;
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

export interface CheckpointVerifier {
  verify(keyId: string, message: Uint8Array, signature: Uint8Array): boolean;
}

/** A file outside the database that is only ever added to. */
export interface CheckpointLog {
  /** Resolves after the line is synced. */
  append(line: string): Promise<void>;
  /** Every line, oldest first; a last line torn by a crash is left out. */
  read(): Promise<readonly string[]>;
}

export type AuditFault =
  | 'missing'
  | 'altered'
  | 'moved'
  | 'broken-link'
  | 'truncated'
  | 'forked'
  | 'checkpoint-forged';

export interface AuditFinding {
  /** The first sequence that is not what was written. */
  readonly sequence: number;
  readonly fault: AuditFault;
  readonly detail: string;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly firstBad?: AuditFinding | undefined;
  readonly entries: number;
  readonly head: AuditHead;
  /** Checkpoints that agree with the chain. */
  readonly checkpointsHeld: number;
  /** What is no fault but an auditor should look at: restores, checkpoints of another instance. */
  readonly notes: readonly string[];
}
