import { systemClock } from '../adapters/system/clock.ts';
import { systemRandom } from '../adapters/system/random.ts';
import type { Clock } from '../base/clock.ts';
import type { CastellanError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';

export interface SourceOptions {
  /** `unix:///path` or `tcp://IP:PORT`; the environment's SPIFFE_ENDPOINT_SOCKET when not given. */
  readonly endpoint?: string;
  /** Ends the wait for the first answer. An agent that has nothing for this process yet is waited for. */
  readonly signal?: AbortSignal;
  /** Told of each failure to reach the agent or to use what it sent; the source goes on with what it has. */
  readonly onError?: (error: CastellanError) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

export function portsOf({ clock = systemClock, random = systemRandom }: SourceOptions) {
  return { clock, random };
}
