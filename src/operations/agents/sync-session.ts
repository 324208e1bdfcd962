import { abortable } from '../../base/waiting.ts';
import type { AgentReport } from './agent-reports.ts';
import { agentErrors } from './errors.ts';
import { answerFor, type SyncAnswer, type SyncParts } from './sync-content.ts';

export interface SyncHello {
  readonly resumeRevision: string;
  readonly wantsPolicy: boolean;
}

interface SessionHooks {
  readonly partsNow: () => SyncParts;
  readonly report: (report: AgentReport) => void;
  readonly close: () => void;
}

/** One stream of one agent. */
export class SyncSession implements Disposable {
  readonly #hooks: SessionHooks;
  readonly #ended = new AbortController();
  #held: string;
  #isFirst = true;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(hello: SyncHello, hooks: SessionHooks) {
    this.#held = hello.resumeRevision;
    this.#hooks = hooks;
  }

  /**
   * The next answer as soon as there is one; rejects when the stream was ended. The first comes at once, empty when the
   * agent holds everything. Call it again only when the last answer was taken.
   */
  async next(): Promise<SyncAnswer> {
    const ended = this.#ended.signal;
    for (;;) {
      ended.throwIfAborted();
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      const parts = this.#hooks.partsNow();
      const answer = answerFor(parts, this.#held) ?? (this.#isFirst ? this.#nothingNew() : undefined);
      if (answer !== undefined) {
        this.#held = answer.revision;
        this.#isFirst = false;
        return answer;
      }
      await abortable(woken, ended);
    }
  }

  report(report: AgentReport): void {
    this.#hooks.report(report);
  }

  wake(): void {
    this.#wake?.();
  }

  /** Without an error: another stream of the agent took its place. */
  end(error?: Error): void {
    this.#ended.abort(error ?? agentErrors.STREAM_REPLACED());
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hooks.close();
  }

  #nothingNew(): SyncAnswer {
    return { revision: this.#held, isFull: false };
  }
}
