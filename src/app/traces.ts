import { openTracer } from '../adapters/tracing/index.ts';
import { type SpanWatch, spanWatch, type Tracer } from '../operations/tracing/index.ts';
import type { Environment } from './environment.ts';
import { buildInfo } from './settings/index.ts';

/** One for each process that has something to tell; undefined where nobody wants traces. */
export async function openTraces(
  { variables, logger }: Environment,
  stack: AsyncDisposableStack,
): Promise<Tracer | undefined> {
  const { version } = buildInfo();
  return stack.use(await openTracer({ variables, version, logger: logger.scoped('traces') }));
}

export function watchOf(tracer: Tracer | undefined, { clock }: Environment): SpanWatch | undefined {
  return spanWatch(tracer, { clock, stopwatch: () => performance.now() });
}
