import { type AuditStamp, chainEvent } from '../../operations/audit/index.ts';
import type { AuditEvent, AuditHead } from '../../operations/ports/index.ts';
import type { StampedWrite } from './protocol.ts';
import { bytesOf, hexOf } from './rows.ts';
import type { Statements } from './statements.ts';

/** The counters of the one row in `meta`: in memory during a transaction, written back before its commit. */
export interface Counters {
  readonly head: AuditHead;
  readonly revision: number;
  readonly issuances: number;
  readonly newestIssuedAt: number | null;
}

/** What the writes of one transaction share: the chain, the counters, and whether anything was written. */
export class Ledger {
  readonly instance: string;
  readonly epoch: number;
  counters: Counters;
  /** True as soon as the write at hand has changed a row. */
  touched = false;
  readonly #statements: Statements;
  #stamp: AuditStamp;

  constructor(statements: Statements) {
    this.#statements = statements;
    const meta = statements.readMeta.get();
    if (meta === undefined) throw new Error('the meta row is missing');
    this.instance = String(meta['instance_id']);
    this.epoch = Number(meta['epoch']);
    this.counters = {
      head: { sequence: Number(meta['audit_sequence']), hash: hexOf(meta['audit_hash']) },
      revision: Number(meta['resource_revision']),
      issuances: Number(meta['issuance_count']),
      newestIssuedAt: meta['newest_issued_at'] === null ? null : Number(meta['newest_issued_at']),
    };
    this.#stamp = { at: 0, bootTime: 0, instance: this.instance, epoch: this.epoch };
  }

  begin(write: StampedWrite): void {
    this.touched = false;
    this.#stamp = { at: write.at, bootTime: write.bootTime, instance: this.instance, epoch: this.epoch };
  }

  get now(): number {
    return this.#stamp.at;
  }

  /** Links the event to the chain. What it throws for a detail that is no JSON, it throws before it writes. */
  link(event: AuditEvent): () => void {
    const row = chainEvent(this.counters.head, event, this.#stamp);
    return () => {
      this.#statements.insertAudit.run(row.sequence, event.requestId, row.body, bytesOf(row.hash));
      this.touched = true;
      this.change({ head: { sequence: row.sequence, hash: row.hash } });
    };
  }

  append(event: AuditEvent): void {
    this.link(event)();
  }

  change(counters: Partial<Counters>): void {
    this.counters = { ...this.counters, ...counters };
  }

  save(): void {
    const { head, revision, issuances, newestIssuedAt } = this.counters;
    this.#statements.writeMeta.run(head.sequence, bytesOf(head.hash), revision, issuances, newestIssuedAt);
  }
}
