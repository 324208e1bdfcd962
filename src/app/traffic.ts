import type { Metrics } from '../adapters/telemetry/index.ts';
import type { TrafficRow } from '../operations/ports/index.ts';
import { TrafficCounter, TrafficFlow } from '../operations/traffic/index.ts';
import type { Environment } from './environment.ts';

/** Counts of what was decided, on their way to where they are kept. */
export interface Traffic {
  readonly counter: TrafficCounter;
  readonly flow: TrafficFlow;
}

export interface TrafficParts {
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly send: (rows: readonly TrafficRow[]) => Promise<void>;
  readonly everyMs?: number;
}

/** Once the stack is left, what was counted last is brought too, where that still goes. */
export function openTraffic(parts: TrafficParts, stack: AsyncDisposableStack): Traffic {
  const { environment, metrics, send, everyMs } = parts;
  const counter = new TrafficCounter();
  const { clock } = environment;
  const flow = new TrafficFlow({ counter, clock, send, ...(everyMs === undefined ? {} : { everyMs }) });
  stack.use(metrics.sample((set) => set('castellan_authz_traffic_beyond_total', counter.beyond)));
  stack.defer(async () => {
    flow[Symbol.dispose]();
    await flow.flush();
  });
  return { counter, flow };
}
