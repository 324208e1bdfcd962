import type { Worker } from 'node:cluster';
import type { FollowedChange, RolloutMember } from '../../operations/policy-content/index.ts';
import type { FromWorker, ToWorker } from './messages.ts';

const longestScrapeMs = 1_000;

type Scraped = readonly object[];

/** The server's end of the line to one worker. */
export class WorkerHandle implements RolloutMember {
  readonly name: string;
  readonly startedAt: number;
  readonly #process: Worker;
  readonly #scrapes = new Map<number, (metrics: Scraped) => void>();
  #nextScrape = 1;
  dropped = 0;

  constructor(process: Worker, facts: { readonly name: string; readonly startedAt: number }) {
    this.#process = process;
    this.name = facts.name;
    this.startedAt = facts.startedAt;
  }

  say(message: ToWorker): void {
    if (!this.#process.isConnected()) return;
    // A worker that ends this moment is noticed by its exit.
    this.#process.send(message, (error) => void error);
  }

  prepare(revision: bigint, changes: readonly FollowedChange[]): void {
    this.say({ kind: 'prepare', revision, changes });
  }

  activate(revision: bigint): void {
    this.say({ kind: 'activate', revision });
  }

  cancel(revision: bigint): void {
    this.say({ kind: 'cancel', revision });
  }

  abandon(): void {
    this.#process.process.kill('SIGKILL');
  }

  /** What it counted; nothing when it does not answer in time. */
  scrape(): Promise<Scraped> {
    if (!this.#process.isConnected()) return Promise.resolve([]);
    const id = this.#nextScrape++;
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.scraped(id, []), longestScrapeMs);
      this.#scrapes.set(id, (metrics) => {
        clearTimeout(limit);
        resolve(metrics);
      });
      this.say({ kind: 'scrape', id });
    });
  }

  scraped(id: number, metrics: Scraped): void {
    this.#scrapes.get(id)?.(metrics);
    this.#scrapes.delete(id);
  }

  /** Tells it to end, and makes it end. */
  async end(graceMs: number): Promise<void> {
    if (this.#process.isDead()) return;
    const ended = new Promise<void>((resolve) => void this.#process.once('exit', () => resolve()));
    const limit = setTimeout(() => this.abandon(), graceMs + longestEndMs);
    if (this.#process.isConnected()) this.say({ kind: 'drain', graceMs });
    else this.abandon();
    await ended;
    clearTimeout(limit);
  }
}

const longestEndMs = 5_000;

export type { FromWorker };
