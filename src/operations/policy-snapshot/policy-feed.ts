import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { abortable } from '../../base/waiting.ts';
import type { Health } from '../check-health.ts';
import type { ActivePolicy } from '../check-request/index.ts';
import type { ResourceReader } from '../ports/index.ts';
import { activePolicyOf, engineSettings, type PolicySettings } from './build.ts';
import { compileInSlices } from './compile-in-slices.ts';
import { ResourceMirror } from './resource-mirror.ts';

export interface PolicyFeedOptions {
  readonly store: ResourceReader;
  readonly settings: PolicySettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds since any moment, fine-grained. */
  readonly stopwatch: () => number;
  /** Called with each policy that takes force, before it does. */
  readonly onActivation?: (policy: ActivePolicy, compileMs: number) => void;
  /** How long compiling may keep the event loop; 2 ms (D24). */
  readonly sliceMs?: number;
  /** How long a write took to be in force. */
  readonly onPropagated?: (ms: number) => void;
  /** Asked when a policy is ready (D23); false: the one in force stays. */
  readonly mayActivate?: (policy: ActivePolicy) => Promise<boolean>;
}

export interface PolicyFeedStatus {
  /** Undefined before the first snapshot. */
  readonly revision: string | undefined;
  readonly storeRevision: bigint | undefined;
  readonly activatedAt: number | undefined;
  readonly compileMs: number | undefined;
  readonly activations: number;
  readonly failures: number;
  /** Why the newest resources are not in force, when they are not. */
  readonly problem: string | undefined;
  /** The newest store revision that was looked at, in force or refused. */
  readonly seen: bigint;
}

/**
 * Keeps the policy in force that the resource store holds: a whole new snapshot after each write, compiled beside the
 * checks, switched by one reference. What does not compile changes nothing but the health report.
 */
export class PolicyFeed implements Disposable {
  readonly #options: PolicyFeedOptions;
  readonly #mirror: ResourceMirror;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #listeners = new Set<() => void>();
  #active: ActivePolicy | undefined;
  #subscription: Disposable | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;
  /** When the oldest write that is not in force yet was heard of. */
  #writtenAt: number | undefined;
  /** The store revision that the last run looked at, whatever came of it. */
  #seen = -1n;
  #activatedAt: number | undefined;
  #compileMs: number | undefined;
  #activations = 0;
  #failures = 0;
  #problem: string | undefined;

  constructor(options: PolicyFeedOptions) {
    this.#options = options;
    this.#mirror = new ResourceMirror(options.store);
  }

  /** Resolves when the first snapshot is in force, or could not be made. */
  static async open(options: PolicyFeedOptions): Promise<PolicyFeed> {
    const feed = new PolicyFeed(options);
    feed.#subscription = options.store.watch(({ changes }) => {
      feed.#mirror.note(changes);
      feed.#writtenAt ??= options.stopwatch();
      feed.#wake();
    });
    await feed.#mirror.fill();
    feed.#wake();
    await feed.#running;
    return feed;
  }

  /** Undefined before the first snapshot: then everything is denied. */
  current(): ActivePolicy | undefined {
    return this.#active;
  }

  status(): PolicyFeedStatus {
    return {
      revision: this.#active?.snapshot.revision,
      storeRevision: this.#active?.storeRevision,
      activatedAt: this.#activatedAt,
      compileMs: this.#compileMs,
      activations: this.#activations,
      failures: this.#failures,
      problem: this.#problem,
      seen: this.#seen,
    };
  }

  health(): Health {
    return this.#active === undefined
      ? { ok: false, reason: this.#problem ?? 'no policy snapshot yet' }
      : { ok: true };
  }

  /** Resolves when what the store held at `revision` is in force (true) or was refused (false). */
  async waitFor(revision: bigint, signal: AbortSignal): Promise<boolean> {
    while (this.#seen < revision) {
      const next = new Promise<void>((resolve) => this.#waiting.add(resolve));
      await abortable(next, signal);
    }
    return (this.#active?.storeRevision ?? -1n) >= revision;
  }

  /** Called after each attempt to take up what was written. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
    this.#closing.abort(new Error('closed'));
  }

  #wake(): void {
    this.#isStale = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#isStale && !this.#closing.signal.aborted) {
      this.#isStale = false;
      const revision = this.#options.store.revision();
      const writtenAt = this.#writtenAt;
      this.#writtenAt = undefined;
      try {
        await this.#mirror.refresh();
        await this.#compile(revision);
        if (writtenAt !== undefined) this.#options.onPropagated?.(this.#options.stopwatch() - writtenAt);
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        this.#failures++;
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#options.logger.error('policies did not compile; the last good ones stay in force', {
          error: this.#problem,
          revision: this.#active?.snapshot.revision,
        });
      }
      this.#seen = revision;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
      for (const listener of this.#listeners) listener();
    }
  }

  async #compile(storeRevision: bigint): Promise<void> {
    const { clock, logger, settings, stopwatch, onActivation } = this.#options;
    const [unreadable] = this.#mirror.unreadable();
    if (unreadable !== undefined) throw new Error(`a stored resource cannot be read: ${unreadable}`);
    const resources = this.#mirror.resources();
    const begin = stopwatch();
    const snapshot = await compileInSlices(resources, engineSettings(settings, resources), {
      clock,
      stopwatch,
      previous: this.#active?.snapshot,
      sliceMs: this.#options.sliceMs,
      signal: this.#closing.signal,
    });
    const active = activePolicyOf(snapshot, resources, storeRevision);
    this.#compileMs = stopwatch() - begin;
    const { mayActivate } = this.#options;
    if (mayActivate !== undefined && !(await mayActivate(active)))
      throw new Error('another worker refused it');
    onActivation?.(active, this.#compileMs);
    this.#active = active;
    this.#activatedAt = clock.now();
    this.#activations++;
    this.#problem = undefined;
    logger.info('policies in force', {
      revision: snapshot.revision,
      policies: snapshot.counts.policies,
      rules: snapshot.counts.rules,
      workloads: active.workloads.size,
      compileMs: Math.round(this.#compileMs),
    });
  }
}
