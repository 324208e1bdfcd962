import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { AuditHead, AuditStore, CheckpointLog, CheckpointSigner } from '../ports/audit.ts';
import { formatCheckpoint, signCheckpoint } from './checkpoint.ts';

export interface CheckpointerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit: Pick<AuditStore, 'head' | 'onGrowth'>;
  readonly origin: { readonly instanceId: string; readonly epoch: number };
  readonly signer: CheckpointSigner;
  readonly log: CheckpointLog;
  /** Default 1,000. */
  readonly everyEntries?: number;
  /** Default 60 s. */
  readonly everyMs?: number;
}

/** Signs where the chain stands every 1,000 entries, every 60 s and at the end, if it has moved (G10). */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #everyEntries: number;
  readonly #everyMs: number;
  #written = 0;
  #failures = 0;
  #working: Promise<void> | undefined;
  #growth: Disposable | undefined;
  #timer: Disposable | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#everyEntries = options.everyEntries ?? 1000;
    this.#everyMs = options.everyMs ?? 60_000;
  }

  /** How far the chain is vouched for outside the database, and how often writing that failed in a row. */
  get status(): { readonly sequence: number; readonly failures: number } {
    return { sequence: this.#written, failures: this.#failures };
  }

  start(): void {
    this.#growth = this.#options.audit.onGrowth((head) => this.#onGrowth(head));
    this.#arm();
  }

  /** Writes the last checkpoint. */
  async stop(): Promise<void> {
    this.#growth?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    await this.#working;
    await this.#write();
  }

  #arm(): void {
    this.#timer = this.#options.clock.schedule(this.#everyMs, () => {
      this.#arm();
      this.#work();
    });
  }

  #onGrowth(head: AuditHead): void {
    if (this.#failures === 0 && head.sequence - this.#written >= this.#everyEntries) this.#work();
  }

  #work(): void {
    this.#working ??= this.#write().finally(() => {
      this.#working = undefined;
    });
  }

  async #write(): Promise<void> {
    const { audit, origin, clock, signer, log, logger } = this.#options;
    const head = audit.head();
    if (head.sequence === this.#written || head.sequence === 0) return;
    try {
      const at = { instance: origin.instanceId, epoch: origin.epoch, at: clock.now() };
      await log.append(formatCheckpoint(await signCheckpoint(head, at, signer)));
      this.#written = head.sequence;
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      logger.error('an audit checkpoint could not be written', {
        sequence: head.sequence,
        error: String(error),
      });
    }
  }
}
