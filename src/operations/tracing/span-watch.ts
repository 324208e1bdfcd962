import type { Clock } from '../../base/clock.ts';
import type { Span, Tracer } from './spans.ts';

/** Times what it is told the beginning of; there is none where nobody wants traces. */
export interface SpanWatch {
  /** Call what it returns once, when the work is over. */
  begin(): (span: Omit<Span, 'startAt' | 'durationMs'>) => void;
}

export function spanWatch(
  tracer: Tracer | undefined,
  { clock, stopwatch }: { readonly clock: Clock; readonly stopwatch: () => number },
): SpanWatch | undefined {
  if (tracer === undefined) return undefined;
  return {
    begin() {
      const startAt = clock.now();
      const began = stopwatch();
      return (span) => tracer.record({ ...span, startAt, durationMs: stopwatch() - began });
    },
  };
}
