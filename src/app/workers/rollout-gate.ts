import type { PolicyFeed } from '../../operations/policy-snapshot/index.ts';
import type { FromWorker } from './messages.ts';

/** D23, the worker's side: what is compiled waits here until every worker is ready. */
export class RolloutGate {
  readonly #say: (message: FromWorker) => void;
  /** What the server wants prepared; undefined before the doors are open: then nobody is waited for. */
  #preparing: bigint | undefined;
  #pending: ((may: boolean) => void) | undefined;

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  preparing(revision: bigint): void {
    this.#preparing = revision;
  }

  /** Refusals come from the feed: what does not compile never reaches the gate. */
  follow(feed: PolicyFeed): void {
    feed.onChange(() => {
      const { problem, storeRevision = -1n, seen } = feed.status();
      const revision = this.#preparing;
      if (revision === undefined || seen < revision) return;
      this.#preparing = undefined;
      if (storeRevision >= revision) this.#say({ kind: 'activated', revision });
      else this.#say({ kind: 'refused', revision, problem: problem ?? 'it did not compile' });
    });
  }

  mayActivate(revision: bigint): Promise<boolean> {
    if (this.#preparing === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#pending = resolve;
      this.#say({ kind: 'prepared', revision });
    });
  }

  activate(): void {
    this.#pending?.(true);
    this.#pending = undefined;
  }

  cancel(): void {
    this.#preparing = undefined;
    this.#pending?.(false);
    this.#pending = undefined;
  }
}
