import { type Clock, sleep } from '../../base/clock.ts';
import { compileSteps, type EngineSettings, type PolicySnapshot } from '../../policy/index.ts';
import type { AnyResource } from '../../resources/index.ts';

export interface SliceOptions {
  readonly clock: Clock;
  /** Milliseconds since any moment, fine-grained. */
  readonly stopwatch: () => number;
  /** What may be reused of. */
  readonly previous?: PolicySnapshot | undefined;
  /** How long compiling may keep the event loop; 2 ms (D24). */
  readonly sliceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** D24: a slice of work, then whatever else waits, and again. */
export async function compileInSlices(
  resources: readonly AnyResource[],
  settings: EngineSettings,
  { clock, stopwatch, previous, sliceMs = 2, signal }: SliceOptions,
): Promise<PolicySnapshot> {
  let sliceEnd = stopwatch() + sliceMs;
  const steps = compileSteps(resources, settings, { previous, shouldPause: () => stopwatch() >= sliceEnd });
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await sleep(clock, 0, signal);
    sliceEnd = stopwatch() + sliceMs;
  }
}
