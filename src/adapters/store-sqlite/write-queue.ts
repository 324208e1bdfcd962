import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../../base/clock.ts';
import { baseErrors, type CastellanError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { AuditHead, DecisionRow, Refusal, StoreHealth } from '../../operations/ports/index.ts';
import { storeErrors } from '../../operations/ports/index.ts';
import type {
  FromWriter,
  OutageReason,
  RefusalRow,
  StampedWrite,
  ToWriter,
  Write,
  WriteAnswers,
  WriteResult,
  WriterOptions,
} from './protocol.ts';
import { asError, asRow, canTravel } from './travel.ts';

interface Waiting {
  readonly stamped: StampedWrite;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: CastellanError) => void;
}

export interface QueueOptions {
  readonly writer: WriterOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Writes that may wait; more are refused with STORE_OVERLOADED. */
  readonly maxQueued: number;
  /** Writes in one transaction. */
  readonly maxBatch: number;
}

const maxRefusalsWaiting = 256;
const maxDecisionsWaiting = 4_096;
const maxDecisionsAtOnce = 512;
/** Nobody waits for a decision's record unless he asks for it, so that many may share a transaction. */
const decisionsWaitMs = 100;
const respawnAfterMs = 500;
/** A batch lives for milliseconds: room for a few, and no more for what nobody needs any longer. */
const writerMemory = { maxYoungGenerationSizeMb: 8 };
const sourceExtension = extname(import.meta.url);

/**
 * The main thread's end of the writer thread. While one batch is being synced the next gathers here, so a sync is
 * shared by whatever came in meanwhile (group commit) and nobody waits on a timer.
 */
export class WriteQueue {
  readonly #options: QueueOptions;
  readonly #waiting: Waiting[] = [];
  readonly #refusals: RefusalRow[] = [];
  readonly #decisions: DecisionRow[] = [];
  #lazily: Disposable | undefined;
  #notesInFlight = false;
  #closing = false;
  #condemned = false;
  #inFlight: readonly Waiting[] | undefined;
  #worker: Worker | undefined;
  #health: StoreHealth = {
    ready: false,
    reason: 'starting',
    detail: 'the writer has not opened the database yet',
  };
  #flushing = false;
  #closed: Promise<void> | undefined;
  #onSettled: (() => void)[] = [];
  readonly figures = {
    batches: 0,
    writes: 0,
    failures: 0,
    reopenings: 0,
    overloads: 0,
    refusalsDropped: 0,
    decisionsDropped: 0,
  };
  /** Called before the writes of a batch are acknowledged. */
  onCommit: (head: AuditHead) => void = () => undefined;
  /** Called when the writer has opened the database, first and after each outage. */
  onReady: (head: AuditHead) => void = () => undefined;
  onHealth: (health: StoreHealth) => void = () => undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get health(): StoreHealth {
    return this.#health;
  }

  get queued(): number {
    return this.#waiting.length + (this.#inFlight?.length ?? 0);
  }

  start(): void {
    const worker = new Worker(new URL(`./writer${sourceExtension}`, import.meta.url), {
      workerData: this.#options.writer,
      name: 'castellan-store',
      resourceLimits: writerMemory,
    });
    this.#worker = worker;
    worker.on('message', (message: FromWriter) => this.#hear(message));
    worker.on('error', (error) => this.#fall('io-error', String(error)));
    worker.on('exit', () => this.#onExit(worker));
  }

  /** Resolves after the commit that holds the write is synced. `committed` runs before any later write is told. */
  submit<K extends Write['kind']>(
    write: Extract<Write, { kind: K }>,
    committed?: (answer: WriteAnswers[K]) => void,
  ): Promise<WriteAnswers[K]> {
    if (!this.#health.ready || this.#closing) return Promise.reject(this.#unavailable());
    if (this.#waiting.length >= this.#options.maxQueued) {
      this.figures.overloads++;
      return Promise.reject(storeErrors.STORE_OVERLOADED({ retryAfterSeconds: 1 }));
    }
    const { clock } = this.#options;
    const stamped = { write, at: clock.now(), bootTime: Math.round(clock.bootTime()) };
    return new Promise((resolve, reject) => {
      const settle = (result: WriteResult) => {
        if (!result.ok) {
          reject(asError(result.code, result.detail));
          return;
        }
        const answer = result.answer as WriteAnswers[K];
        committed?.(answer);
        resolve(answer);
      };
      this.#waiting.push({ stamped, resolve: settle, reject });
      this.#flushSoon();
    });
  }

  note(refusal: Refusal): void {
    const row = asRow(refusal);
    if (row === undefined || this.#refusals.length >= maxRefusalsWaiting || !this.#health.ready) {
      this.figures.refusalsDropped++;
      return;
    }
    this.#refusals.push(row);
    this.#flushSoon();
  }

  noteDecision(row: DecisionRow): void {
    if (this.#decisions.length >= maxDecisionsWaiting || !this.#health.ready || this.#closing) {
      this.figures.decisionsDropped++;
      return;
    }
    this.#decisions.push(row);
    if (this.#decisions.length >= maxDecisionsAtOnce) this.#flushSoon();
    else this.#lazily ??= this.#options.clock.schedule(decisionsWaitMs, () => this.#flushSoon());
  }

  /** Resolves when what was noted so far are written, or lost to an outage. */
  async settleNotes(): Promise<void> {
    while (this.#health.ready && (this.#hasNotes() || this.#notesInFlight)) {
      this.#flushSoon();
      await this.#settled();
    }
  }

  /** For good: what is known to be damaged is not written to, whatever the writer thread says. */
  condemn(detail: string): void {
    this.#condemned = true;
    this.#fall('damaged', detail);
  }

  /** Takes nothing more, and resolves when everything submitted is settled. */
  async stop(): Promise<void> {
    this.#closing = true;
    while (this.#inFlight !== undefined || (this.#health.ready && this.#hasWork())) {
      this.#flushSoon();
      await this.#settled();
    }
  }

  /** Lets what waits be written, then closes the database. */
  close(): Promise<void> {
    this.#closed ??= this.#shut();
    return this.#closed;
  }

  async #shut(): Promise<void> {
    await this.stop();
    this.#setHealth({ ready: false, reason: 'closed', detail: 'the store was closed' });
    const worker = this.#worker;
    if (worker === undefined) return;
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    this.#post({ type: 'close' });
    await gone;
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => this.#onSettled.push(resolve));
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#hasNotes();
  }

  #hasNotes(): boolean {
    return this.#refusals.length > 0 || this.#decisions.length > 0;
  }

  #flushSoon(): void {
    if (this.#flushing || this.#inFlight !== undefined) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#inFlight !== undefined || !this.#health.ready || !this.#hasWork()) return;
    const batch = this.#waiting.splice(0, this.#options.maxBatch);
    const writes = batch.map((waiting) => waiting.stamped);
    const refusals = this.#refusals.splice(0);
    this.#inFlight = batch;
    const decisions = this.#decisions.splice(0, maxDecisionsAtOnce);
    this.#lazily?.[Symbol.dispose]();
    this.#lazily = undefined;
    this.#notesInFlight = refusals.length + decisions.length > 0;
    try {
      this.#post({ type: 'batch', writes, refusals, decisions });
    } catch (cause) {
      this.#setApart(batch, cause);
    }
  }

  /** Something in the batch cannot travel to another thread: refuse that, and let its neighbours go on. */
  #setApart(batch: readonly Waiting[], cause: unknown): void {
    this.#inFlight = undefined;
    this.#notesInFlight = false;
    const sound = batch.filter((waiting) => canTravel(waiting.stamped));
    for (const waiting of batch) if (!sound.includes(waiting)) waiting.reject(baseErrors.INTERNAL({ cause }));
    this.#waiting.unshift(...sound);
    this.#tellSettled();
    this.#flushSoon();
  }

  #post(message: ToWriter): void {
    this.#worker?.postMessage(message);
  }

  #hear(message: FromWriter): void {
    if (message.type === 'ready') this.#rise(message.head, message.reopened);
    else if (message.type === 'done') this.#acknowledge(message.results, message.head);
    else if (message.type === 'failed' || message.type === 'outage')
      this.#fall(message.reason, message.detail);
  }

  #acknowledge(results: readonly WriteResult[], head: AuditHead): void {
    const batch = this.#inFlight ?? [];
    this.#inFlight = undefined;
    this.#notesInFlight = false;
    this.figures.batches++;
    this.figures.writes += batch.length;
    this.onCommit(head);
    for (const [index, waiting] of batch.entries()) {
      const result = results[index];
      if (result === undefined) waiting.reject(this.#unavailable());
      else waiting.resolve(result);
    }
    this.#flush();
    this.#tellSettled();
  }

  #rise(head: AuditHead, reopened: boolean): void {
    if (reopened) this.figures.reopenings++;
    this.onReady(head);
    if (!this.#condemned) this.#setHealth({ ready: true });
    this.#flushSoon();
  }

  /** Everything that waits is refused at once: a caller with a deadline is better served by a quick answer. */
  #fall(reason: OutageReason, detail: string): void {
    if (!this.#isClosed()) this.#setHealth({ ready: false, reason, detail });
    const lost = [...(this.#inFlight ?? []), ...this.#waiting.splice(0)];
    this.#inFlight = undefined;
    this.#notesInFlight = false;
    this.figures.refusalsDropped += this.#refusals.splice(0).length;
    this.figures.decisionsDropped += this.#decisions.splice(0).length;
    this.figures.failures += lost.length;
    for (const waiting of lost) waiting.reject(this.#unavailable(detail));
    this.#tellSettled();
  }

  #isClosed(): boolean {
    return !this.#health.ready && this.#health.reason === 'closed';
  }

  #tellSettled(): void {
    for (const tell of this.#onSettled.splice(0)) tell();
  }

  #onExit(worker: Worker): void {
    if (this.#worker !== worker || this.#isClosed()) return;
    this.#worker = undefined;
    this.#fall('io-error', 'the writer thread ended');
    setTimeout(() => {
      if (!this.#isClosed()) this.start();
    }, respawnAfterMs).unref();
  }

  #setHealth(health: StoreHealth): void {
    const was = this.#health;
    this.#health = health;
    const reasonOf = (one: StoreHealth) => (one.ready ? 'ready' : one.reason);
    if (reasonOf(was) === reasonOf(health)) return;
    const { logger } = this.#options;
    if (health.ready) logger.info('the store can be written');
    else if (health.reason !== 'closed') logger.error('the store cannot be written', { ...health });
    this.onHealth(health);
  }

  #unavailable(detail?: string): CastellanError {
    const reason = this.#health.ready ? 'io-error' : this.#health.reason;
    return storeErrors.STORE_UNAVAILABLE({ retryAfterSeconds: 1, details: { reason }, cause: detail });
  }
}
