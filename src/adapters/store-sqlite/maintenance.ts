import type { Clock } from '../../base/clock.ts';
import type {
  AuditEvent,
  PruneLimits,
  PruneOutcome,
  StoreFigures,
  StoreMaintenance,
} from '../../operations/ports/index.ts';
import type { Write } from './protocol.ts';
import { type StateFiles, sizeOf } from './state-directory.ts';
import { runTask } from './tasks.ts';
import type { WriteQueue } from './write-queue.ts';

type PruneStep = Extract<Write, { kind: 'prune' }>;

const rowsPerTransaction = 500;

export class SqliteMaintenance implements StoreMaintenance {
  readonly #queue: WriteQueue;
  readonly #files: StateFiles;
  readonly #clock: Clock;

  constructor(queue: WriteQueue, files: StateFiles, clock: Clock) {
    this.#queue = queue;
    this.#files = files;
    this.#clock = clock;
  }

  async backup(file: string, audit: AuditEvent): Promise<{ bytes: number; at: number }> {
    await this.#queue.submit<'append'>({ kind: 'append', audit });
    const at = this.#clock.now();
    await runTask({ task: 'backup', database: this.#files.database, file, at });
    return { bytes: sizeOf(file), at };
  }

  /** Small transactions, so that what the server is for never waits long; each tells the running total. */
  async prune(limits: PruneLimits, audit: AuditEvent): Promise<PruneOutcome> {
    const removed = { issuances: 0, joinTokens: 0 };
    const batch = Math.max(1, Math.floor(limits.batch ?? rowsPerTransaction));
    const run = async (table: PruneStep['table'], endedBefore: number, count: (n: number) => void) => {
      for (;;) {
        const removedBefore = { ...removed };
        const step: PruneStep = { kind: 'prune', table, endedBefore, batch, removedBefore, audit };
        const n = await this.#queue.submit<'prune'>(step);
        count(n);
        if (n < batch) return;
      }
    };
    if (limits.trafficBefore !== undefined) await run('traffic', limits.trafficBefore, () => undefined);
    let idempotency = 0;
    if (limits.issuancesEndedBefore !== undefined)
      await run('issuance', limits.issuancesEndedBefore, (n) => (removed.issuances += n));
    if (limits.joinTokensEndedBefore !== undefined)
      await run('join_token', limits.joinTokensEndedBefore, (n) => (removed.joinTokens += n));
    await run('idempotency', this.#clock.now(), (n) => (idempotency += n));
    return { ...removed, idempotency };
  }

  figures(): StoreFigures {
    const { refusalsDropped: _, decisionsDropped: __, ...figures } = this.#queue.figures;
    return {
      ...figures,
      queued: this.#queue.queued,
      databaseBytes: sizeOf(this.#files.database),
      walBytes: sizeOf(this.#files.wal),
    };
  }

  check(): Promise<readonly string[]> {
    return runTask({ task: 'check', database: this.#files.database });
  }
}
