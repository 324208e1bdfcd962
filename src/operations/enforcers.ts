import type { Clock } from '../base/clock.ts';
import { abortable } from '../base/waiting.ts';

/** One process that decides by policies, and what it decides by. */
export interface Enforcer {
  readonly name: string;
  readonly kind: 'server' | 'worker' | 'agent';
  /** The store revision in force there; undefined before the first. */
  readonly revision: bigint | undefined;
  /** Why the newest revision is not in force there, when it was refused. */
  readonly problem?: string | undefined;
  /** The newest revision it looked at, in force or refused. */
  readonly seen?: bigint | undefined;
}

/** Those who know enforcers: this process, its workers, the agents that are connected. */
export interface EnforcerSource {
  list(): readonly Enforcer[];
  /** Called after something of the list may have changed. */
  onChange(listener: () => void): Disposable;
}

export interface Enforcement {
  readonly revision: bigint;
  /** Every enforcer decides by that revision or a later one. */
  readonly inForce: boolean;
  readonly acknowledged: number;
  readonly enforcers: readonly (Enforcer & { readonly hasIt: boolean })[];
}

/** Who decides by what: the union of its sources. */
export class Enforcers implements EnforcerSource {
  readonly #sources = new Set<EnforcerSource>();

  add(source: EnforcerSource): Disposable {
    this.#sources.add(source);
    return { [Symbol.dispose]: () => void this.#sources.delete(source) };
  }

  list(): readonly Enforcer[] {
    return [...this.#sources].flatMap((source) => source.list());
  }

  onChange(listener: () => void): Disposable {
    const all = [...this.#sources].map((source) => source.onChange(listener));
    return {
      [Symbol.dispose]() {
        for (const one of all) one[Symbol.dispose]();
      },
    };
  }

  at(revision: bigint): Enforcement {
    const enforcers = this.list().map((one) => ({
      ...one,
      hasIt: one.revision !== undefined && one.revision >= revision,
    }));
    const acknowledged = enforcers.filter(({ hasIt }) => hasIt).length;
    return {
      revision,
      inForce: enforcers.length > 0 && acknowledged === enforcers.length,
      acknowledged,
      enforcers,
    };
  }

  /** Resolves as soon as the revision is in force everywhere, was refused by somebody, or the time is over. */
  async waitFor(
    revision: bigint,
    {
      clock,
      waitMs,
      signal,
    }: { readonly clock: Clock; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<Enforcement> {
    let wake: () => void = () => undefined;
    using _changes = this.onChange(() => wake());
    const limit = new AbortController();
    using _timer = clock.schedule(waitMs, () => limit.abort());
    const either = AbortSignal.any([signal, limit.signal]);
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const now = this.at(revision);
      if (now.inForce || now.enforcers.some((one) => isRefused(one, revision)) || either.aborted) return now;
      await abortable(changed, either).catch(() => undefined);
    }
  }
}

function isRefused(
  { hasIt, problem, seen = -1n }: Enforcement['enforcers'][number],
  revision: bigint,
): boolean {
  return !hasIt && problem !== undefined && seen >= revision;
}
